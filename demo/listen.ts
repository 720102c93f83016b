import type { LettaStreamingResponse } from '@letta-ai/letta-client/resources/agents/messages'
import { show, showPiece } from './terminal.ts'

/** What a stream has said until now. */
export type Heard = {
  runId: string
  firstSeq: number
  /** Number of the latest event: where a reader that comes back goes on. */
  lastSeq: number
  /** The agent's words since the latest tool return, in the pieces in which they came. */
  pieces: string[]
  /** The latest tool call; its arguments may come in pieces, too. */
  call: { id: string; name: string; arguments: string }
  returns: number
  stopReason: string | null
}

/** Shows what an agent says and does, as it comes. `after` is called with every event. */
export async function listen(
  events: AsyncIterable<LettaStreamingResponse>,
  after: (heard: Heard) => Promise<void> | void = () => undefined,
): Promise<Heard> {
  const heard: Heard = {
    runId: '',
    firstSeq: 0,
    lastSeq: 0,
    pieces: [],
    call: noCall(),
    returns: 0,
    stopReason: null,
  }
  for await (const event of events) {
    if ('run_id' in event) heard.runId = event.run_id ?? heard.runId
    if ('seq_id' in event) heard.lastSeq = event.seq_id ?? heard.lastSeq
    heard.firstSeq ||= heard.lastSeq
    hear(heard, event)
    await after(heard)
  }
  return heard
}

function hear(heard: Heard, event: LettaStreamingResponse): void {
  switch (event.message_type) {
    case 'assistant_message': {
      const piece = textOf(event.content)
      showPiece(piece)
      heard.pieces.push(piece)
      break
    }
    case 'tool_call_message':
    case 'approval_request_message': {
      const { tool_call_id, name, arguments: args } = event.tool_call
      if (tool_call_id && tool_call_id !== heard.call.id) heard.call = noCall()
      heard.call.id = tool_call_id ?? heard.call.id
      heard.call.name += name ?? ''
      heard.call.arguments += args ?? ''
      break
    }
    case 'tool_return_message':
      showCall(heard)
      show('return', `${event.status}`)
      heard.returns += 1
      heard.pieces = []
      break
    case 'stop_reason':
      heard.stopReason = event.stop_reason
      if (event.stop_reason === 'requires_approval') showCall(heard)
  }
}

function showCall({ call }: Heard): void {
  if (call.name) show('calls', `${call.name}(${call.arguments})`)
}

function noCall(): Heard['call'] {
  return { id: '', name: '', arguments: '' }
}

function textOf(content: string | { text: string }[]): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('')
}
