import { createServer, type Server } from 'node:http'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { STOP_REASONS, type StopReason } from '../../src/domain/stop-reason.ts'
import { until } from '../replicas.ts'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { note, script } from './talk.ts'

/** Goal: how a run ends depends on its turn and on nothing else. Method: each ending, sent in each way. */
let world: ServerWorld
let credits: Server
beforeAll(async () => {
  // Has no credit for agents that are poor.
  credits = createServer((request, response) => {
    response.end(JSON.stringify({ hasMoreCredits: !poor.has(String(request.url?.split('/').at(-1))) }))
  })
  await new Promise<void>((done) => credits.listen(0, '127.0.0.1', done))
  const address = credits.address()
  world = await openServerWorld({
    PERDURE_CREDITS_MODE: 'enforce',
    PERDURE_CREDITS_CACHE_MS: '0',
    STEP_ORCHESTRATOR_ENDPOINT: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    STEP_COMPLETE_KEY: 'step key',
  })
})
afterAll(async () => {
  await world.close()
  credits.close()
})

const poor = new Set<string>()
const rules = (...tool_rules: JsonObject[]) => ({ include_base_tool_rules: false, tool_rules })

/** What makes a turn end so. */
type Way = {
  text: string
  agent?: JsonObject
  more?: JsonObject
  before?(agentId: string): Promise<unknown> | unknown
  /** … while the run is under way. */
  during?(agentId: string): Promise<unknown>
}

const WAYS: Record<StopReason, Way> = {
  end_turn: { text: 'hello' },
  max_steps: { text: script({ calls: [note('a')] }), more: { max_steps: 1 } },
  tool_rule: {
    text: script({ calls: [note('a')] }),
    agent: rules({ type: 'exit_loop', tool_name: 'memory_insert' }),
  },
  requires_approval: {
    text: script({ calls: [note('a')] }),
    agent: rules({ type: 'requires_approval', tool_name: 'memory_insert' }),
  },
  error: {
    text: 'hello',
    before: (id) => sql`update agents set tool_rules = '{}' where id = ${id}`.execute(world.db),
  },
  invalid_tool_call: {
    text: script({ calls: [note('a')] }, { say: 'What now?' }),
    agent: rules(
      { type: 'constrain_child_tools', tool_name: 'memory_insert', children: ['memory_insert'] },
      { type: 'max_count_per_step', tool_name: 'memory_insert', max_count_limit: 1 },
    ),
  },
  no_tool_call: {
    text: '[[error filter]]',
    more: { max_steps: 1 },
    agent: rules({ type: 'run_first', tool_name: 'memory_insert' }),
  },
  invalid_llm_response: { text: '[[error malformed]]' },
  llm_api_error: { text: '[[error 400]]' },
  max_tokens_exceeded: { text: '[[say far too long an answer]] [[length]]' },
  context_window_overflow_in_system_prompt: {
    text: 'hello',
    agent: { model: 'openai-proxy/mock-ctx-8000', system: 'word '.repeat(8_000) },
  },
  insufficient_credits: { text: 'hello', before: (id) => poor.add(id) },
  cancelled: {
    text: '[[sleep 20000]]',
    async during(id) {
      await until(async () => (await runsOf(id))[0]?.status === 'running')
      await world.ask('POST', `/v1/agents/${id}/messages/cancel`, {})
    },
  },
}

/** In each way of sending, the time of the first piece is known. */
const SAYS_SOMETHING = new Set<StopReason>(['end_turn', 'max_steps', 'tool_rule', 'requires_approval'])

const IN_BACKGROUND = { streaming: true, stream_tokens: true, background: true }
/** Where a turn is sent to, and how. `conversation`: one that is there already. */
const TRANSPORTS: Record<string, (id: string, conversation: string) => { path: string; more?: JsonObject }> =
  {
    blocking: (id) => ({ path: `/v1/agents/${id}/messages` }),
    'step stream': (id) => ({ path: `/v1/agents/${id}/messages/stream` }),
    'background stream': (id) => ({ path: `/v1/agents/${id}/messages`, more: IN_BACKGROUND }),
    async: (id) => ({ path: `/v1/agents/${id}/messages/async` }),
    conversation: (_, name) => ({ path: `/v1/conversations/${name}/messages`, more: { streaming: false } }),
  }

async function runsOf(agentId: string): Promise<JsonObject[]> {
  return (await world.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body
}

async function ended(agentId: string): Promise<JsonObject> {
  return until(async () => (await runsOf(agentId)).find(({ completed_at: at }) => at !== null))
}

describe('1. status map: a stop reason gives one status, on every transport', () => {
  const reasons = Object.keys(STOP_REASONS) as StopReason[]
  it.each(reasons.flatMap((reason) => Object.keys(TRANSPORTS).map((transport) => ({ reason, transport }))))(
    '$reason, $transport',
    async ({ reason, transport }) => {
      const { text, agent, more, before, during } = WAYS[reason]
      const id = await world.createAgent({ memory_blocks: [{ label: 'human', value: '' }], ...agent })
      const { body: conversation } = await world.ask('POST', `/v1/conversations/?agent_id=${id}`, {})
      await before?.(id)
      const to = TRANSPORTS[transport]?.(id, conversation.id)
      const messages = [{ role: 'user', content: text }]
      const sent = world.ask('POST', to?.path ?? '', { messages, ...to?.more, ...more })
      await during?.(id)
      await sent
      const run = await ended(id)
      expect(run).toMatchObject({ stop_reason: reason, status: STOP_REASONS[reason] })
      const { error } = run.metadata as JsonObject
      if (STOP_REASONS[reason] !== 'failed') expect(error).toBeUndefined()
      else expect(error).toMatchObject({ message_type: 'error_message', message: expect.any(String) })
      if (SAYS_SOMETHING.has(reason)) expect(run.ttft_ns).toBeGreaterThan(0)
      const { body } = await world.ask('GET', `/v1/agents/${id}`)
      if (reason !== 'error') expect(body.last_stop_reason).toBe(reason)
    },
  )
})
