import { newId } from '../../src/domain/id.ts'
import { type Message, toolCallsOf } from '../../src/domain/message.ts'
import { isTerminal } from '../../src/domain/run.ts'
import { buildRequest } from '../../src/loop/build-request.ts'
import { offerTools } from '../../src/loop/offer-tools.ts'
import { stateOf } from '../../src/worker/preview-turn.ts'
import { refusalOf } from '../mock-llm/validate/request.mjs'
import { encoders, MODELS } from './models.ts'
import type { Records, ScopeRecords } from './records.ts'
import { ORGANIZATION, type World } from './world.ts'

/** What is wrong with the conversations of an agent, as they lie in the database. */
export function wrongInConversations(records: Records): string[] {
  return records.scopes.flatMap((one) =>
    [...wrongInOrder(one), ...wrongInCalls(one), ...wrongInTurn(one)].map(
      (text) => `${one.scope.id}: ${text}`,
    ),
  )
}

/** The context is made of stored, good messages, in the order of the history; a summary may stand before older ones. */
function wrongInOrder({ scope, context }: ScopeRecords): string[] {
  const wrong: string[] = []
  if (context.length !== scope.context_length) wrong.push(`its length is kept as ${scope.context_length}`)
  if (context[0]?.message.role !== 'system') wrong.push('its context does not begin with the system message')
  if (context.some(({ ordinal }, index) => ordinal !== index)) wrong.push('its ordinals have holes')
  for (const { message } of context)
    if (message.isErr) wrong.push(`${message.id} is in the context though it is an error's`)
  const ids = context.map(({ message }) => message.id)
  if (new Set(ids).size !== ids.length) wrong.push('a message is twice in its context')
  const first = context[1] && isSummary(context[1].message) ? 2 : 1
  for (let index = first + 1; index < context.length; index++) {
    const [before, here] = [context[index - 1], context[index]]
    if (before && here && here.sequenceId < before.sequenceId)
      wrong.push(`${here.message.role} ${here.message.id} stands before what came earlier`)
  }
  return wrong
}

function isSummary({ role, content }: Message & { content?: unknown }): boolean {
  return role === 'summary' || (role === 'user' && JSON.stringify(content).includes('compaction_stats'))
}

/** Once the turn is over, every call has its one result, but those that the open approval asks about. */
function wrongInCalls({ context, open, runs }: ScopeRecords): string[] {
  const active = runs.some((run) => run.holds_turn)
  const answering = runs.find((run) => run.holds_turn && run.request?.input[0]?.role === 'approval_response')
  const calls = context.flatMap(({ message }) => toolCallsOf(message).map(({ id }) => id))
  const results = context.flatMap(({ message }) =>
    message.role === 'tool' ? message.returns.map((one) => one.callId) : [],
  )
  const wrong: string[] = []
  for (const id of repeated(calls)) wrong.push(`two calls have the id ${id}`)
  for (const id of repeated(results)) wrong.push(`the call ${id} has two results`)
  for (const id of results) if (!calls.includes(id)) wrong.push(`the result of ${id} has no call`)
  const openIds = open ? [...open.calls.map(({ id }) => id), ...besides(context, open.message_id)] : []
  for (const id of openIds)
    if (!calls.includes(id)) wrong.push(`the open approval's call ${id} is not in the context`)
  for (const id of openIds)
    if (results.includes(id)) wrong.push(`the open approval's call ${id} has a result`)
  if (answering) return wrong
  for (const id of calls)
    if (!results.includes(id) && !openIds.includes(id))
      wrong.push(`the call ${id} has no result${active ? ' in the middle of a turn' : ''}`)
  return wrong
}

function besides(context: ScopeRecords['context'], requestId: string): string[] {
  const index = context.findIndex(({ message }) => message.id === requestId)
  const request = context[index]?.message
  const before = context[index - 1]?.message
  return before?.role === 'assistant' && before.stepId === request?.stepId
    ? before.toolCalls.map(({ id }) => id)
    : []
}

function repeated(ids: string[]): string[] {
  return [...new Set(ids.filter((id, index) => ids.indexOf(id) !== index))]
}

/** Nobody waits for a turn that is free, and nobody drives without one. */
function wrongInTurn({ open, runs }: ScopeRecords): string[] {
  const wrong: string[] = []
  const holder = runs.find((run) => run.holds_turn)
  const waiting = runs.filter((run) => !isTerminal(run.status) && !run.holds_turn)
  if (holder && isTerminal(holder.status)) wrong.push(`${holder.id} has ended and holds the turn`)
  if (waiting.length > 0 && !holder && !open) wrong.push(`${waiting[0]?.id} waits though the turn is free`)
  for (const run of waiting) if (run.status !== 'created') wrong.push(`${run.id} runs without the turn`)
  return wrong
}

/** Why a provider would refuse the next request of a conversation, whichever model it went to. */
export async function refusedByProviders(
  world: World,
  { agentId, scopes }: Records,
  seen: Set<string>,
): Promise<string[]> {
  const wrong: string[] = []
  for (const { scope } of scopes) {
    const version = `${scope.id} ${scope.context_epoch} ${scope.context_length}`
    if (seen.has(version)) continue
    seen.add(version)
    const target = { agentId, conversationId: scope.id }
    const state = await stateOf(world.db, ORGANIZATION, target, {
      ...NOTHING_SPECIAL,
      input: [plainMessage()],
    })
    for (const { wire, handle, config } of MODELS) {
      const overrideModel = { ...config, parallel_tool_calls: true }
      const asked = { ...state, request: { ...state.request, overrideModel } }
      const body = await encoders.modelOf(config).preview(buildRequest(asked, offerTools(asked)))
      const refusal = refusalOf(wire, config.model, body)
      if (refusal !== null) wrong.push(`${scope.id}: ${handle} refuses its context: ${refusal}`)
    }
  }
  return wrong
}

const NOTHING_SPECIAL = {
  overrideModel: null,
  overrideSystem: null,
  clientTools: [],
  clientSkills: [],
  streamTokens: false,
  user: null,
}

function plainMessage(): Message {
  return {
    id: newId('message'),
    otid: null,
    createdAt: new Date().toISOString(),
    stepId: null,
    runId: null,
    senderId: null,
    groupId: null,
    name: null,
    isErr: false,
    model: null,
    role: 'user',
    content: [{ type: 'text', text: 'And now?' }],
  }
}
