import type { OrganizationId, UserId } from './id.ts'

/** Who asks. Every read and write is scoped to the organisation. */
export type Actor = { organizationId: OrganizationId; userId: UserId }
