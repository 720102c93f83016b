import { randomUUID } from 'node:crypto'
import type { Selectable } from 'kysely'
import type { AgentId, OrganizationId } from '../domain/id.ts'
import type { AgentSecretsTable, Db } from './schema.ts'

export type SecretRow = Selectable<AgentSecretsTable>

/** Values as `sealText` made them, by key. */
export type SealedSecrets = Record<string, string>

/**
 * Puts another set in the place of an agent's secrets. A key that stays keeps its id and its time of making.
 */
export async function saveSecrets(
  tx: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  secrets: SealedSecrets,
): Promise<void> {
  const keys = Object.keys(secrets)
  let gone = tx
    .deleteFrom('agent_secrets')
    .where('organization_id', '=', organizationId)
    .where('agent_id', '=', agentId)
  if (keys.length > 0) gone = gone.where('key', 'not in', keys)
  await gone.execute()
  if (keys.length === 0) return
  await tx
    .insertInto('agent_secrets')
    .values(
      Object.entries(secrets).map(([key, value]) => ({
        organization_id: organizationId,
        agent_id: agentId,
        key,
        id: `agent-env-${randomUUID()}`,
        value_encrypted: value,
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['organization_id', 'agent_id', 'key']).doUpdateSet((row) => ({
        value_encrypted: row.ref('excluded.value_encrypted'),
        updated_at: row.fn<string>('now'),
      })),
    )
    .execute()
}

/** Of many agents, by key. */
export async function readSecrets(
  db: Db,
  organizationId: OrganizationId,
  agentIds: AgentId[],
): Promise<SecretRow[]> {
  return db
    .selectFrom('agent_secrets')
    .where('organization_id', '=', organizationId)
    .where('agent_id', 'in', agentIds)
    .orderBy('created_at')
    .orderBy('key')
    .selectAll()
    .execute()
}
