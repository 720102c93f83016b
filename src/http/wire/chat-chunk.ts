import type { NumberedFrame } from '../../domain/frame.ts'
import type { RunId } from '../../domain/id.ts'
import type { JsonObject } from '../../domain/json.ts'

/** Of a run's frames, what an OpenAI client reads: the agent's words, an end, or a failure. The others give no text. */
export function chatChunkEncoder(runId: RunId, model: string): (numbered: NumberedFrame) => string {
  const created = Math.floor(Date.now() / 1_000)
  let hasBegun = false
  const chunk = (delta: JsonObject, finishReason: 'stop' | null) =>
    event({
      id: `chatcmpl-${runId}`,
      choices: [{ delta: { ...NO_DELTA, ...delta }, finish_reason: finishReason, index: 0, logprobs: null }],
      created,
      model,
      object: 'chat.completion.chunk',
      service_tier: null,
      system_fingerprint: null,
      usage: null,
    })
  const words = (content: string) => {
    const role = hasBegun ? null : 'assistant'
    hasBegun = true
    return chunk({ content, role }, null)
  }
  return ({ frame }) => {
    switch (frame.kind) {
      case 'message':
        return frame.view.type === 'assistant_message' ? words(frame.view.content) : ''
      case 'delta':
        return frame.body.type === 'assistant_message' ? words(frame.body.text) : ''
      case 'error':
        return event({ error: { message: frame.error.message, type: 'server_error' } })
      case 'stop':
        return chunk({}, 'stop')
      case 'ping':
      case 'usage':
        return ''
    }
  }
}

const NO_DELTA = { content: null, function_call: null, refusal: null, role: null, tool_calls: null }

function event(data: JsonObject): string {
  return `data: ${JSON.stringify(data)}\n\n`
}
