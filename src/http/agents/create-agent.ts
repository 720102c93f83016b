import type { Actor } from '../../domain/actor.ts'
import type { AgentType } from '../../domain/agent.ts'
import { Fault } from '../../domain/fault.ts'
import type { AgentId } from '../../domain/id.ts'
import { inTransaction } from '../../store/transaction.ts'
import type { HttpDeps } from '../deps.ts'
import { type CreateAgent, FILE_CHARS_MAX, FILES_OPEN_MAX, type UpdateAgent } from '../schemas/agent-input.ts'
import { addPartner } from './add-partner.ts'
import { checkFallbacks, chooseConfig, chooseEmbedding } from './choose-model.ts'
import { insertWholeAgent } from './insert-whole-agent.ts'

/** A new agent, whole or not at all. Faults: of its parts; bad_request for a type that cannot be made. */
export async function createAgent(
  deps: HttpDeps,
  actor: Actor,
  body: CreateAgent,
  projectId: string | null,
): Promise<AgentId> {
  checkSupported(body)
  const config = await chooseConfig(deps, body)
  await checkFallbacks(deps, body)
  const embedding = (await chooseEmbedding(deps, withDefaultEmbedding(deps, body))) ?? null
  return inTransaction(deps.db, async (tx) => {
    const id = await insertWholeAgent(tx, deps, actor, body, { config, embedding, projectId })
    if (body.enable_sleeptime) await addPartner(tx, deps, actor, id)
    return id
  })
}

function withDefaultEmbedding(deps: Pick<HttpDeps, 'settings'>, body: CreateAgent) {
  const isOpen = body.embedding === undefined && !body.embedding_config
  return {
    embedding_config: body.embedding_config,
    embedding: isOpen ? deps.settings.defaultEmbedding : body.embedding,
  }
}

/** Faults: bad_request, not_implemented. */
export function checkSupported(body: CreateAgent | UpdateAgent): void {
  if ('agent_type' in body && body.agent_type === 'split_thread_agent') {
    throw new Fault('bad_request', 'Agents of the type split_thread_agent cannot be made')
  }
  if ('agent_type' in body && isVoice(body.agent_type)) throw later('Voice agents')
  checkMax(body, 'max_files_open', FILES_OPEN_MAX)
  checkMax(body, 'per_file_view_window_char_limit', FILE_CHARS_MAX)
  const isLater = (ids: string[] | null | undefined) => (ids ?? []).length > 0
  if (isLater(body.folder_ids) || isLater(body.source_ids)) throw later('Folders')
  if (isLater(body.identity_ids)) throw later('Identities')
}

function isVoice(type: AgentType): boolean {
  return type === 'voice_convo_agent' || type === 'voice_sleeptime_agent'
}

/** The old server answers these with 400, where a schema would answer 422. */
function checkMax(
  body: UpdateAgent,
  field: 'max_files_open' | 'per_file_view_window_char_limit',
  max: number,
): void {
  const value = body[field]
  if (typeof value === 'number' && value > max)
    throw new Fault('bad_request', `${field} must be at most ${max}, not ${value}`)
}

function later(what: string): Fault {
  return new Fault('not_implemented', `${what} are not available in this version of Perdure`)
}
