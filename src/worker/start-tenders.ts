import { DEFAULT_USER, newId, type OrganizationId, type RunId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { Outcome } from '../domain/run.ts'
import type { StopReason } from '../domain/stop-reason.ts'
import type { ToldScopes } from '../domain/turn.ts'
import { wallNs } from '../lib/clock.ts'
import { insertRun } from '../store/admit-run.ts'
import {
  countTurn,
  findManagedGroup,
  type GroupRow,
  lastOfEach,
  readNewest,
  readUntended,
  saveTended,
} from '../store/groups.ts'
import type { Db } from '../store/schema.ts'
import { getAgentTarget, lockScope, readScopeFacts, type ScopeRow, type Target } from '../store/scopes.ts'
import type { Drive } from './drive.ts'
import { innerRequest } from './inner-request.ts'
import { prepareInput } from './prepare-input.ts'
import { newestTendingText, tendingText } from './tending-transcript.ts'

/** Says in a run's metadata that it tends the memory of another agent. Clients know it. */
export const TENDING_RUN = 'sleeptime_agent_send_message_async'

/** Turns that have brought something: neither cancelled nor failed nor still open. */
const COMPLETE = new Set<StopReason>(['end_turn', 'tool_rule', 'max_steps'])
/** Messages of one transcript: those since the last one, or the newest where there is none. */
const SINCE_MAX = 1_000
const NEWEST_MAX = 50
/** Of most languages; what has fewer leaves less room for the answer. */
const CHARS_PER_TOKEN = 4

/**
 * In the transaction that ends a run: counts the turn for the group that its agent leads, and starts the runs of those
 * who tend its memory when they are due. One that is still at work is left alone; what it is not told now it is told the
 * next time. A run that tends remembers how far it has come, once it has. Null: nobody was due.
 */
export async function startTenders(tx: Db, drive: Drive, outcome: Outcome): Promise<RunId[] | null> {
  if (!COMPLETE.has(outcome.stopReason)) return null
  const { organizationId, agentId } = drive.lease
  const { tends } = drive.request
  if (tends) await saveTended(tx, organizationId, tends)
  if (!drive.isTended) return null
  const group = await findManagedGroup(tx, organizationId, agentId)
  if (!group) return null
  // Scopes before the group: a tender that ends takes its own scope first, too.
  const partners = await lockFreePartners(tx, organizationId, group)
  if (!(await countTurn(tx, organizationId, agentId))) return null
  const told = partners.length > 0 && (await toldNow(tx, drive, group, charsFor(partners)))
  if (!told) return null
  const tending = { group, ...told }
  const runIds: RunId[] = []
  for (const partner of partners) runIds.push(await startTender(tx, drive, partner, tending))
  return runIds.length > 0 ? runIds : null
}

type Partner = { target: Target; scope: ScopeRow }

/** Partners that do nothing now, their scopes locked in the order of their ids. */
async function lockFreePartners(tx: Db, organizationId: OrganizationId, group: GroupRow): Promise<Partner[]> {
  const free: Partner[] = []
  for (const id of group.agent_ids.toSorted()) {
    const target = await getAgentTarget(tx, organizationId, id)
    const scope = await lockScope(tx, organizationId, target.conversationId)
    const { activeRunId, waitingCount, openApproval } = await readScopeFacts(tx, scope)
    if (!activeRunId && waitingCount === 0 && !openApproval) free.push({ target, scope })
  }
  return free
}

/** Half of the smallest window among those who are told, in characters; the prompt and the answer need the rest. */
function charsFor(partners: Partner[]): number {
  const windows = partners.map(({ target }) => target.config.context_window)
  return (Math.min(...windows) / 2) * CHARS_PER_TOKEN
}

type Told = { text: string; upTo: Message['id']; scopes: ToldScopes }

/** What is said to those who tend: what has come since, as much as they can take. The rest is told the next time. */
async function toldNow(
  tx: Db,
  { lease: { organizationId, agentId } }: Drive,
  group: GroupRow,
  charsMax: number,
): Promise<Told | null> {
  if (group.last_processed_message_id === null) {
    const { messages, scopes } = await readNewest(tx, organizationId, agentId, NEWEST_MAX)
    const transcript = newestTendingText(messages, charsMax)
    const last = messages.at(-1)
    return transcript && last ? { text: transcript.text, upTo: last.id, scopes } : null
  }
  const { messages, marks } = await readUntended(tx, organizationId, agentId, group.id, SINCE_MAX)
  const transcript = tendingText(messages, charsMax)
  const last = transcript && messages[transcript.told - 1]
  return last
    ? { text: transcript.text, upTo: last.id, scopes: lastOfEach(marks.slice(0, transcript.told)) }
    : null
}

async function startTender(
  tx: Db,
  { deps, lease }: Drive,
  { target, scope }: Partner,
  tending: Told & { group: GroupRow },
): Promise<RunId> {
  const { group, text, upTo, scopes } = tending
  const { organizationId } = lease
  const content = [{ type: 'text' as const, text }]
  const head = { otid: null, name: null, senderId: lease.agentId, groupId: group.id }
  const input = await prepareInput(
    [{ type: 'message', role: 'user', content, ...head }],
    target.timezone,
    target.config.model,
    { allow: [] },
  )
  const id = newId('run')
  const request = {
    ...innerRequest(false),
    tends: { groupId: group.id, upTo, scopes },
    input: input.messages,
  }
  const { agentId, projectId, templateId, baseTemplateId } = target
  await insertRun(
    tx,
    {
      id,
      actor: { organizationId, userId: DEFAULT_USER },
      agent: { id: agentId, projectId, templateId, baseTemplateId },
      scope,
      request,
      background: true,
      metadata: { run_type: TENDING_RUN, agent_id: agentId },
      requestConfig: {},
      callbackUrl: null,
      bodyHash: null,
      parentRunId: lease.runId,
      answersRunId: null,
      startNs: wallNs(),
    },
    { type: 'ready' },
  )
  await deps.queue.enqueueDrive(tx, { organizationId, runId: id }, true)
  return id
}
