import type { Tool, ToolResult } from '../../src/domain/tool.ts'
import type { ToolDeed } from './story.ts'
import type { Waits } from './waits.ts'

type CustomTool = { effect: 'acts' | 'reads'; idempotent: boolean; parallel: boolean }

/** Tools of users. Whether they act outside is all that the engine asks of them. */
export const CUSTOM_TOOLS: Record<string, CustomTool> = {
  note: { effect: 'acts', idempotent: false, parallel: true },
  pay: { effect: 'acts', idempotent: false, parallel: false },
  upload: { effect: 'acts', idempotent: true, parallel: true },
  look: { effect: 'reads', idempotent: true, parallel: true },
  count: { effect: 'reads', idempotent: true, parallel: false },
}

/** Its parameters are those of every scripted call. */
export const PARAMETERS = {
  type: 'object',
  properties: {
    n: { type: 'integer', description: 'Which call of the story it is.' },
    does: { type: 'string', description: 'What happens.' },
  },
  required: ['n'],
}

export const CLIENT_TOOL = {
  name: 'local_file',
  description: 'Reads a file where the client is.',
  parameters: PARAMETERS,
}

const HUGE = 'x'.repeat(60_000)

/** What the world outside has seen of the tools that act. */
export class Outside {
  /** How often each call of the story was carried out, by its number. */
  readonly acts = new Map<number, number>()

  toolOf(name: string, waits: Waits): Tool | undefined {
    const custom = CUSTOM_TOOLS[name]
    if (!custom) return undefined
    const run = async (
      args: Record<string, unknown>,
      { signal }: { signal: AbortSignal },
    ): Promise<ToolResult> => {
      const n = Number(args.n ?? 0)
      if (custom.effect === 'acts') this.acts.set(n, (this.acts.get(n) ?? 0) + 1)
      if (args.does === 'waits') await waits.park(`${name}#${n}`, signal)
      return resultOf(args.does as ToolDeed | undefined, n)
    }
    return custom.effect === 'acts'
      ? { effect: 'acts', idempotent: custom.idempotent, run }
      : { effect: 'reads', run }
  }
}

function resultOf(deed: ToolDeed | undefined, n: number): ToolResult {
  switch (deed) {
    case 'fails':
      return { ok: false, errorName: 'ValueError', message: `call ${n} failed` }
    case 'throws':
      throw new TypeError(`call ${n} threw`)
    case 'huge':
      return { ok: true, output: HUGE }
    case 'object':
      return { ok: true, output: { n, nested: [1, null, 'two'] } }
    default:
      return { ok: true, output: 'done' }
  }
}
