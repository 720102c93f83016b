import { sql } from 'kysely'
import type { ConversationId, OrganizationId, RunId, UserId } from '../domain/id.ts'
import type { Db } from './schema.ts'
import type { ScopeKey } from './scopes.ts'

/** The run that one of these keys has started in the scope, with the hash of the request that it was. */
export async function findByKeys(
  tx: Db,
  scope: ScopeKey,
  keys: string[],
): Promise<{ runId: RunId; requestHash: string } | undefined> {
  if (keys.length === 0) return undefined
  const row = await tx
    .selectFrom('idempotency_keys')
    .where('organization_id', '=', scope.organization_id)
    .where('conversation_id', '=', scope.id)
    .where('key', 'in', keys)
    .select(['run_id', 'request_hash'])
    .executeTakeFirst()
  return row && { runId: row.run_id, requestHash: row.request_hash }
}

export async function insertKeys(
  tx: Db,
  scope: ScopeKey,
  keys: string[],
  runId: RunId,
  requestHash: string,
): Promise<void> {
  if (keys.length === 0) return
  await tx
    .insertInto('idempotency_keys')
    .values(
      keys.map((key) => ({
        organization_id: scope.organization_id,
        conversation_id: scope.id,
        key,
        run_id: runId,
        request_hash: requestHash,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/**
 * A run that a request without keys repeats: the same body in the same scope, unfinished, or young and never answered
 * whole. Only for requests whose sender says that they are retries.
 */
export async function findRetried(
  tx: Db,
  scope: ScopeKey,
  userId: UserId,
  bodyHash: string,
): Promise<RunId | undefined> {
  const row = await tx
    .selectFrom('runs')
    .where('organization_id', '=', scope.organization_id)
    .where('conversation_id', '=', scope.id)
    .where('body_hash', '=', bodyHash)
    .where('created_by_id', '=', userId)
    .where((run) =>
      run.or([
        run('status', 'in', ['created', 'running']),
        run.and([
          run('response_sent_at', 'is', null),
          run('created_at', '>', sql<string>`now() - interval '10 minutes'`),
        ]),
      ]),
    )
    .orderBy('created_at', 'desc')
    .select('id')
    .executeTakeFirst()
  return row?.id
}

/** The run that a client's otid has started, anywhere in an organisation or in one conversation. */
export async function findRunByOtid(
  db: Db,
  organizationId: OrganizationId,
  otid: string,
  conversationId?: ConversationId,
): Promise<RunId | undefined> {
  let query = db
    .selectFrom('idempotency_keys')
    .where('organization_id', '=', organizationId)
    .where('key', '=', otid)
    .orderBy('created_at', 'desc')
    .select('run_id')
  if (conversationId) query = query.where('conversation_id', '=', conversationId)
  return (await query.executeTakeFirst())?.run_id
}

/** Keys are remembered for two days. */
export async function deleteOldKeys(db: Db): Promise<void> {
  await db
    .deleteFrom('idempotency_keys')
    .where('created_at', '<', sql<string>`now() - interval '2 days'`)
    .execute()
}
