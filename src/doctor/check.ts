import type { OrganizationId } from '../domain/id.ts'
import type { Db } from '../store/schema.ts'
import type { Undo } from '../store/undo.ts'
import type { EngineDeps } from '../worker/deps.ts'

/** Something that should not be, in plain words. */
export type Finding = {
  organizationId: OrganizationId
  /** The id of what is broken. */
  subject: string
  text: string
}

/** What a repair did, and how it can be taken back; null: it cannot. */
export type Repaired = { undo: Undo[] | null }

export type DoctorDeps = Pick<EngineDeps, 'db' | 'queue' | 'fault'>

/** One thing that can be wrong. */
export type Check = {
  name: string
  about: string
  /** Reads only. */
  find(db: Db): AsyncGenerator<Finding, void> | Promise<Finding[]>
  /**
   * Looks again under the locks that the server takes, so that it may run at the same time, and mends what is still
   * wrong. Undefined: nothing is.
   */
  repair(deps: DoctorDeps, tx: Db, finding: Finding): Promise<Repaired | undefined>
}
