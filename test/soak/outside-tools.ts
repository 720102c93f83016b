import type { BuiltInTool, ToolContext } from '../../src/domain/tool.ts'

/** Tools that act on the world outside, which counts what they do (see `outside.ts`). */
export function outsideTools(url: string): BuiltInTool[] {
  const post = async (note: string, signal: AbortSignal) => {
    const response = await fetch(url, { method: 'POST', body: note, signal })
    return response.text()
  }
  return [
    noteTool(
      'note_outside',
      'Writes a note down outside; called again, it writes it again.',
      false,
      (note, { signal }) => post(note, signal),
    ),
    noteTool('note_by_key', 'Writes a note down outside, under the key of its call.', true, (note, context) =>
      post(`${note} ${context.executionId}`, context.signal),
    ),
  ]
}

function noteTool(
  name: string,
  description: string,
  idempotent: boolean,
  write: (note: string, context: ToolContext) => Promise<string>,
): BuiltInTool {
  return {
    spec: {
      name,
      description,
      parameters: { type: 'object', properties: { note: { type: 'string' } }, required: ['note'] },
    },
    toolType: 'letta_builtin',
    enableParallelExecution: true,
    tool: {
      effect: 'acts',
      idempotent,
      run: async ({ note }, context) => ({ ok: true, output: await write(String(note), context) }),
    },
  }
}

/** May be called again, and ends the server each time. */
export const killServer: BuiltInTool = {
  spec: {
    name: 'kill_server',
    description: 'Kills the server.',
    parameters: { type: 'object', properties: {} },
  },
  toolType: 'letta_builtin',
  enableParallelExecution: true,
  tool: {
    effect: 'acts',
    idempotent: true,
    async run() {
      process.kill(process.pid, 'SIGKILL')
      return { ok: true, output: 'never' }
    },
  },
}
