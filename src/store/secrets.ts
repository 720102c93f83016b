import type { Selectable } from 'kysely'
import { type AgentId, newId, type OrganizationId } from '../domain/id.ts'
import type { AgentSecretsTable, Db } from './schema.ts'

export type SecretRow = Selectable<AgentSecretsTable>

/** Values as `sealText` made them, by key. */
export type SealedSecrets = Record<string, string>

/** Puts another set in the place of an agent's secrets. All of them are new, also those whose key stays. */
export async function saveSecrets(
  tx: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  secrets: SealedSecrets,
): Promise<void> {
  await tx
    .deleteFrom('agent_secrets')
    .where('organization_id', '=', organizationId)
    .where('agent_id', '=', agentId)
    .execute()
  const rows = Object.entries(secrets).map(([key, value]) => ({
    organization_id: organizationId,
    agent_id: agentId,
    key,
    id: newId('agent-env'),
    value_encrypted: value,
  }))
  if (rows.length > 0) await tx.insertInto('agent_secrets').values(rows).execute()
}

/** Of many agents, each agent's in the order in which they were given. */
export async function readSecrets(
  db: Db,
  organizationId: OrganizationId,
  agentIds: AgentId[],
): Promise<SecretRow[]> {
  return db
    .selectFrom('agent_secrets')
    .where('organization_id', '=', organizationId)
    .where('agent_id', 'in', agentIds)
    .orderBy('ordinal')
    .selectAll()
    .execute()
}
