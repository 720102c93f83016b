import type { AgentId, ConversationId } from '../../src/domain/id.ts'
import type { OpenApproval } from '../../src/store/scopes.ts'
import { findOpenApproval } from '../../src/store/scopes.ts'
import { type Heard, send } from './client.ts'
import { MODELS } from './models.ts'
import type { Action, AgentPlan, Answering, Say, Way } from './story.ts'
import { CLIENT_TOOL } from './tools.ts'
import { ORGANIZATION, type World } from './world.ts'

/** The smallest picture that a provider takes. */
const PICTURE =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const LONG = 'and so on and so forth '.repeat(350)

type Sent = { path: string; body: Record<string, unknown>; what: string; hasOtid: boolean }

/** Does what a story says, as the clients of one agent would. */
export class Actor {
  readonly world: World
  readonly plan: AgentPlan
  agentId = '' as AgentId
  conversations: ConversationId[] = []
  /** Every request, with what was heard of it in the end. */
  readonly heard: Promise<Heard>[] = []
  readonly sent: Sent[] = []
  #lastAnswers = new Map<number, Sent>()

  constructor(world: World, plan: AgentPlan) {
    this.world = world
    this.plan = plan
  }

  async createAgent(): Promise<void> {
    const { plan } = this
    const agent = await this.world.ask('POST', '/v1/agents', {
      name: 'Property',
      system: 'You are in a story.',
      model: plan.model,
      context_window_limit: plan.window,
      parallel_tool_calls: plan.parallel,
      include_base_tools: false,
      include_base_tool_rules: false,
      tools: plan.tools,
      tool_rules: plan.rules,
      memory_blocks: [{ label: 'human', value: 'somebody', limit: 1_000 }],
      message_buffer_autoclear: plan.autoclear,
      prompt_refresh: plan.deferred ? 'deferred' : 'on_change',
      ...(plan.compaction && {
        compaction_settings: { mode: plan.compaction.mode, sliding_window_percentage: plan.compaction.share },
      }),
    })
    this.agentId = agent.id
    const { id } = await this.world.db
      .selectFrom('conversations')
      .where('agent_id', '=', this.agentId)
      .select('id')
      .executeTakeFirstOrThrow()
    this.conversations = [id]
    while (this.conversations.length < plan.conversations) {
      const conversation = await this.world.ask('POST', `/v1/conversations?agent_id=${this.agentId}`, {})
      this.conversations.push(conversation.id)
    }
    await this.world.db
      .updateTable('conversations')
      .set({ message_policy: plan.policy })
      .where('agent_id', '=', this.agentId)
      .execute()
  }

  /** Starts an action. What takes as long as a run is not waited for. */
  async do(action: Action): Promise<void> {
    switch (action.type) {
      case 'say':
        return this.#say(action)
      case 'answer':
        return this.#answer(action)
      case 'answer_again': {
        const last = this.#lastAnswers.get(action.conv)
        return last && this.#send(last, false)
      }
      case 'resend': {
        const sent = this.sent.filter(({ hasOtid }) => hasOtid)
        const one = sent[action.nth % Math.max(1, sent.length)]
        return one && this.#send(one, false)
      }
      case 'cancel':
        return this.#cancel(action.what, action.conv)
      case 'release':
        return this.world.waits.release(action.all)
      case 'restart':
        return action.kind === 'killed' ? this.world.kill() : this.world.stop()
      case 'die_at':
        return this.world.life.dieAt(action.point, action.nth)
      case 'trouble':
        return this.world.life.wire.failOnce(action.nth)
      case 'compact':
        return this.#post(`/v1/conversations/${this.#conv(action.conv)}/compact`, {
          compaction_settings: { mode: action.mode },
        })
      case 'follow':
        return this.#follow(action.after)
      case 'reset':
        return action.conv === 0
          ? this.#patch(`/v1/agents/${this.agentId}/reset-messages`, { add_default_initial_messages: false })
          : undefined
      case 'fork':
        return this.#fork(action.conv)
      case 'edit_block':
        return this.#patch(`/v1/agents/${this.agentId}/core-memory/blocks/human`, {
          value: `edit ${action.n}`,
        })
      case 'change_model': {
        const { config } = MODELS.find(({ handle }) => handle === action.model) ?? {}
        const own = { ...config, context_window: this.plan.window, parallel_tool_calls: this.plan.parallel }
        return this.#patch(`/v1/agents/${this.agentId}`, { llm_config: own })
      }
      case 'detach_tool':
        return this.#detach(action.tool)
      case 'summaries':
        return this.world.model.saySummaries(action.replies)
      case 'at_once':
        await Promise.all(action.actions.map((one) => this.do(one)))
    }
  }

  #say(say: Say): void {
    this.world.model.say(say.replies)
    const [path, way] = this.#pathOf(say.conv, say.way)
    const otid = say.hasOtid ? { otid: crypto.randomUUID() } : {}
    const [first, ...more] = contentsOf(say)
    const role = say.content === 'system' ? 'system' : 'user'
    const messages = [
      { type: 'message', role, content: first, ...otid },
      ...more.map((content) => ({ type: 'message', role: 'user', content })),
    ]
    const body = {
      messages,
      max_steps: say.stepsMax,
      ...way,
      ...(say.clientTools && { client_tools: [CLIENT_TOOL] }),
    }
    const sent = { path, body, what: `say [m${say.n}] (${say.way})`, hasOtid: say.hasOtid }
    this.sent.push(sent)
    this.#send(sent, say.leaves)
  }

  async #answer(answering: Answering): Promise<void> {
    const open = await findOpenApproval(this.world.db, {
      organization_id: ORGANIZATION,
      id: this.#conv(answering.conv),
    })
    if (!open) return
    this.world.model.say(answering.replies)
    const [path, way] = this.#pathOf(answering.conv, answering.way)
    const approvals = approvalsFor(open, answering)
    const messages = [
      { type: 'approval', approvals },
      ...(answering.followUp ? [{ type: 'message', role: 'user', content: 'and one thing more' }] : []),
    ]
    const body = { messages, ...way, ...(answering.clientTools && { client_tools: [CLIENT_TOOL] }) }
    const sent = { path, body, what: `answer ${answering.how} (${answering.way})`, hasOtid: false }
    this.#lastAnswers.set(answering.conv, sent)
    this.#send(sent, false)
  }

  #pathOf(conv: number, way: Way): [string, object] {
    const streaming = way === 'steps' || way === 'tokens' || way === 'background'
    const tokens = way === 'tokens' || way === 'background'
    const options = streaming
      ? { streaming, stream_tokens: tokens, background: way === 'background' }
      : { streaming }
    if (conv > 0 && way !== 'async') return [`/v1/conversations/${this.#conv(conv)}/messages`, options]
    return way === 'async'
      ? [`/v1/agents/${this.agentId}/messages/async`, {}]
      : [`/v1/agents/${this.agentId}/messages`, options]
  }

  #send({ path, body, what }: Sent, leaves: boolean): void {
    this.heard.push(send(this.world, path, body, what, leaves))
  }

  #post(path: string, body: unknown): void {
    this.heard.push(send(this.world, path, body, `POST ${path}`, false))
  }

  async #patch(path: string, body: unknown): Promise<void> {
    const response = await this.world.fetch('PATCH', path, body, new AbortController().signal)
    await response.text()
  }

  async #cancel(what: 'agent' | 'conversation' | 'newest_run', conv: number): Promise<void> {
    if (what === 'agent') return this.#post(`/v1/agents/${this.agentId}/messages/cancel`, {})
    if (what === 'conversation') return this.#post(`/v1/conversations/${this.#conv(conv)}/cancel`, {})
    const run = await this.#newestRun()
    this.#post(`/v1/agents/${this.agentId}/messages/cancel`, { run_ids: run ? [run.id] : [] })
  }

  async #follow(after: number): Promise<void> {
    const run = await this.#newestRun()
    if (!run) return
    const path = `/v1/runs/${run.id}/stream?starting_after=${after}`
    this.heard.push(send(this.world, path, undefined, `follow ${run.id} after ${after}`, false, 'GET'))
  }

  #newestRun() {
    return this.world.db
      .selectFrom('runs')
      .where('agent_id', '=', this.agentId)
      .orderBy('created_order', 'desc')
      .select('id')
      .executeTakeFirst()
  }

  async #fork(conv: number): Promise<void> {
    const path = `/v1/conversations/${this.#conv(conv)}/fork`
    const response = await this.world.fetch('POST', path, undefined, new AbortController().signal)
    const answer = (await response.json()) as { id?: ConversationId }
    if (response.ok && answer.id) this.conversations.push(answer.id)
  }

  async #detach(tool: string): Promise<void> {
    const found = await this.world.db
      .selectFrom('tools')
      .where('name', '=', tool)
      .select('id')
      .executeTakeFirst()
    if (found) await this.#patch(`/v1/agents/${this.agentId}/tools/detach/${found.id}`, undefined)
  }

  #conv(index: number): ConversationId {
    return this.conversations[index % this.conversations.length] ?? ('conv-' as ConversationId)
  }
}

function contentsOf({ content, n }: Say): unknown[] {
  const text = `hello [m${n}]`
  switch (content) {
    case 'two':
      return [text, 'and a second one']
    case 'image': {
      const source = { type: 'base64', media_type: 'image/png', data: PICTURE }
      return [
        [
          { type: 'text', text },
          { type: 'image', source },
        ],
      ]
    }
    case 'long':
      return [`${text} ${LONG}`]
    case 'text':
    case 'system':
      return [text]
  }
}

function approvalsFor(open: OpenApproval, { how, returns }: Answering): unknown[] {
  const client = new Set(open.client_tools.map(({ name }) => name))
  const each = open.calls.map((call, index) => {
    const id = how === 'by_message' ? open.message_id : how === 'wrong' ? `${call.id}_other` : call.id
    if (client.has(call.name) && how !== 'deny')
      return { type: 'tool', tool_call_id: id, ...clientReturn(returns) }
    const approve = how !== 'deny' && !(how === 'mixed' && index % 2 === 0)
    return { type: 'approval', tool_call_id: id, approve, reason: approve ? null : 'rather not' }
  })
  if (how === 'partial') return each.slice(1)
  return how === 'twice_in_one' ? [...each, ...each] : each
}

function clientReturn(kind: Answering['returns']) {
  const status = kind === 'error' ? 'error' : 'success'
  const source = { type: 'base64', media_type: 'image/png', data: PICTURE }
  if (kind === 'image')
    return {
      status,
      tool_return: [
        { type: 'text', text: 'see' },
        { type: 'image', source },
      ],
    }
  return { status, tool_return: kind === 'huge' ? 'y'.repeat(60_000) : 'the file' }
}
