import { COMPACTION_MODES } from '../../src/domain/agent.ts'
import type { ModelFailureKind } from '../../src/domain/failure.ts'
import type { ToolRule } from '../../src/domain/tool.ts'
import { FAULT_POINTS } from '../../src/worker/deps.ts'
import { MODELS } from './models.ts'
import { Random } from './random.ts'
import type {
  Action,
  AgentPlan,
  Answering,
  Reply,
  Say,
  ScriptedCall,
  Story,
  SummaryReply,
  Way,
} from './story.ts'
import { CLIENT_TOOL, CUSTOM_TOOLS } from './tools.ts'

const MEMORY_TOOLS = ['core_memory_append', 'memory_rethink']
const WAYS: Way[] = ['blocking', 'steps', 'tokens', 'background', 'async']
const FAILURES: ModelFailureKind[] = [
  'rate_limited',
  'overloaded',
  'server_error',
  'bad_request',
  'context_full',
  'empty_response',
  'connection',
  'timeout',
  'unauthorized',
]

/** The story of a seed: the same one, always. */
export function writeStory(seed: number): Story {
  return new Writer(new Random(seed)).write(seed)
}

class Writer {
  readonly #random: Random
  #n = 0
  #tools: string[] = []
  #held = new Set<string>()
  #convs = 1

  constructor(random: Random) {
    this.#random = random
  }

  write(seed: number): Story {
    const agent = this.#agent()
    const count = this.#random.int(3, 10)
    const actions = [this.#say(), ...Array.from({ length: count }, () => this.#action())]
    return { seed, agent, actions }
  }

  #agent(): AgentPlan {
    const random = this.#random
    const tools = [...random.some(Object.keys(CUSTOM_TOOLS), 0.6), ...random.some(MEMORY_TOOLS, 0.4)]
    const rules = random.chance(0.7) ? this.#rules(tools) : []
    for (const rule of rules) if (rule.type === 'requires_approval') this.#held.add(rule.tool_name)
    this.#tools = tools
    this.#convs = random.weighted([
      [4, 1],
      [2, 2],
    ])
    return {
      model: random.pick(MODELS).handle,
      window: random.pick([6_000, 9_000, 30_000]),
      parallel: random.chance(0.7),
      tools,
      rules,
      compaction: random.chance(0.7)
        ? { mode: random.pick(COMPACTION_MODES), share: random.pick([0.2, 0.3, 0.7]) }
        : null,
      autoclear: random.chance(0.05),
      deferred: random.chance(0.2),
      conversations: this.#convs,
      policy: random.weighted([
        [5, null],
        [1, 'enqueue'],
        [1.5, 'interrupt'],
        [1.5, 'merge'],
      ]),
    }
  }

  #rules(tools: string[]): ToolRule[] {
    const random = this.#random
    const rules: ToolRule[] = random
      .some(tools, 0.35)
      .map((tool) => ({ type: 'requires_approval', tool_name: tool }))
    if (tools.length === 0 || random.chance(0.5)) return rules
    const tool = random.pick(tools)
    const other = random.pick(tools)
    const more: ToolRule[] = [
      { type: 'run_first', tool_name: tool },
      { type: 'run_first', tool_name: tool, args: { does: 'works' } },
      { type: 'run_first', tool_name: tool, args: { nowhere: 1 } },
      { type: 'constrain_child_tools', tool_name: tool, children: [other] },
      { type: 'parent_last_tool', tool_name: tool, children: [other] },
      {
        type: 'conditional',
        tool_name: tool,
        child_output_mapping: { done: other },
        require_output_mapping: false,
      },
      { type: 'exit_loop', tool_name: tool },
      { type: 'continue_loop', tool_name: tool },
      { type: 'required_before_exit', tool_name: tool },
      { type: 'max_count_per_step', tool_name: tool, max_count_limit: random.int(0, 2) },
    ]
    return [...rules, ...random.some(more, 0.15)]
  }

  #action(): Action {
    const random = this.#random
    const kind = random.weighted([
      [9, () => this.#say()],
      [8, () => this.#answer()],
      [2, (): Action => ({ type: 'answer_again', conv: this.#conv(), n: this.#next() })],
      [2, (): Action => ({ type: 'resend', nth: random.int(0, 5) })],
      [
        3,
        (): Action => ({
          type: 'cancel',
          conv: this.#conv(),
          what: random.pick(['agent', 'conversation', 'newest_run']),
        }),
      ],
      [4, (): Action => ({ type: 'release', all: random.chance(0.6) })],
      [2, (): Action => ({ type: 'restart', kind: random.pick(['stopped', 'killed', 'killed']) })],
      [3, (): Action => ({ type: 'die_at', point: random.pick(FAULT_POINTS), nth: random.int(1, 3) })],
      [1, (): Action => ({ type: 'trouble', nth: random.int(1, 40) })],
      [1, (): Action => ({ type: 'compact', conv: this.#conv(), mode: random.pick(COMPACTION_MODES) })],
      [2, (): Action => ({ type: 'follow', after: random.int(0, 6) })],
      [1, (): Action => ({ type: 'reset', conv: this.#conv() })],
      [1, (): Action => ({ type: 'fork', conv: this.#conv() })],
      [1, (): Action => ({ type: 'edit_block', n: this.#next() })],
      [1, (): Action => ({ type: 'change_model', model: random.pick(MODELS).handle })],
      [0.5, (): Action => ({ type: 'detach_tool', tool: random.pick([...this.#tools, 'note']) })],
      [2, (): Action => ({ type: 'summaries', replies: this.#summaries() })],
      [3, (): Action => ({ type: 'at_once', actions: this.#pair() })],
    ])
    return kind()
  }

  #pair(): Action[] {
    const random = this.#random
    return [0, 1].map(() =>
      random.weighted<() => Action>([
        [3, () => this.#say()],
        [3, () => this.#answer()],
        [
          2,
          () => ({
            type: 'cancel',
            conv: this.#conv(),
            what: random.pick(['agent', 'conversation', 'newest_run']),
          }),
        ],
        [1, () => ({ type: 'answer_again', conv: this.#conv(), n: this.#next() })],
        [1, () => ({ type: 'resend', nth: random.int(0, 5) })],
        [1, () => ({ type: 'release', all: true })],
        [1, () => ({ type: 'follow', after: random.int(0, 6) })],
        [0.5, () => ({ type: 'fork', conv: this.#conv() })],
        [0.5, () => ({ type: 'compact', conv: this.#conv(), mode: random.pick(COMPACTION_MODES) })],
      ])(),
    )
  }

  #say(): Say {
    const random = this.#random
    return {
      type: 'say',
      conv: this.#conv(),
      n: this.#next(),
      way: random.pick(WAYS),
      hasOtid: random.chance(0.5),
      content: random.weighted([
        [6, 'text'],
        [1, 'two'],
        [1, 'image'],
        [1, 'system'],
        [2, 'long'],
      ]),
      clientTools: random.chance(0.25),
      stepsMax: random.weighted([
        [6, 12],
        [1, 1],
        [1, 2],
      ]),
      leaves: random.chance(0.1),
      replies: this.#replies(),
    }
  }

  #answer(): Answering {
    const random = this.#random
    return {
      type: 'answer',
      conv: this.#conv(),
      n: this.#next(),
      how: random.weighted([
        [5, 'approve'],
        [2, 'deny'],
        [2, 'mixed'],
        [1, 'partial'],
        [1, 'wrong'],
        [1, 'by_message'],
        [1, 'twice_in_one'],
      ]),
      followUp: random.chance(0.2),
      way: random.pick(WAYS),
      returns: random.weighted([
        [4, 'text'],
        [1, 'error'],
        [1, 'image'],
        [1, 'huge'],
      ]),
      clientTools: random.chance(0.3),
      replies: this.#replies(),
    }
  }

  #replies(): Reply[] {
    return Array.from({ length: this.#random.int(0, 4) }, () => this.#reply())
  }

  #reply(): Reply {
    const random = this.#random
    if (random.chance(0.1))
      return { type: 'failure', kind: random.pick(FAILURES), pieces: random.pick([0, 0, 2]) }
    if (random.chance(0.01)) return { type: 'bug' }
    const calls = random.chance(0.65)
      ? Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, () => this.#call())
      : []
    const text = random.weighted([
      [5, `answer ${this.#next()}`],
      [2, ''],
      [1, ' \n '],
      [1, `much ${this.#next()} ${'to say '.repeat(500)}`],
    ])
    return {
      type: 'answer',
      text,
      thinks: random.chance(0.3),
      calls,
      finish: random.weighted([
        [10, calls.length > 0 ? 'tool_calls' : 'stop'],
        [1, 'length'],
        [1, 'content_filter'],
        [0.5, 'unknown'],
      ]),
      reportsUsage: random.chance(0.85),
      waits: random.chance(0.12),
    }
  }

  #call(): ScriptedCall {
    const random = this.#random
    const held = [...this.#held]
    const tool = random.weighted<() => string>([
      [6, () => random.pick([...this.#tools, 'no_such_tool'])],
      [3, () => random.pick([...held, CLIENT_TOOL.name])],
      [0.5, () => 'no_such_tool'],
    ])()
    return {
      n: this.#next(),
      tool,
      does: random.weighted([
        [6, 'works'],
        [1, 'fails'],
        [1, 'throws'],
        [1, 'huge'],
        [1, 'object'],
        [1, 'waits'],
      ]),
      arguments: random.weighted([
        [12, 'good'],
        [1, 'truncated'],
        [0.5, 'not_json'],
        [0.5, 'doubled'],
        [0.5, 'string'],
        [0.5, 'none'],
        [0.5, 'list'],
      ]),
      id: random.weighted([
        [8, 'own'],
        [1, 'none'],
        [1.5, 'call_0'],
        [0.5, 'long'],
      ]),
    }
  }

  #summaries(): SummaryReply[] {
    return Array.from({ length: this.#random.int(1, 3) }, () =>
      this.#random.pick(['short', 'long', 'empty', 'failure', 'overflow'] as const),
    )
  }

  #conv(): number {
    return this.#random.int(0, this.#convs - 1)
  }

  #next(): number {
    this.#n += 1
    return this.#n
  }
}
