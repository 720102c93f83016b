import type { JsonObject } from '../../src/domain/json.ts'
import { eventsOf, type StreamEvent } from '../replicas.ts'

/** The events of a stream that may be cut off: those that came whole. */
async function readUntilCut(response: Response): Promise<StreamEvent[]> {
  let text = ''
  try {
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += piece
  } catch {
    // The server has died; what came before is what was seen.
  }
  return eventsOf(text.slice(0, text.lastIndexOf('\n\n') + 1))
}

/** Sends to an agent and reads as far as it goes; nothing, when the server dies before it answers. */
export async function streamUntilCut(url: string, agentId: string, body: JsonObject): Promise<StreamEvent[]> {
  const headers = { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1' }
  const request = {
    method: 'POST',
    headers,
    body: JSON.stringify({ streaming: true, stream_tokens: true, ...body }),
  }
  const response = await fetch(`${url}/v1/agents/${agentId}/messages`, request).catch(() => undefined)
  return response ? readUntilCut(response) : []
}

/** What a reader gets that goes on behind what it has seen. */
export async function followFrom(url: string, seen: StreamEvent[]): Promise<StreamEvent[]> {
  const [runId] = seen.map(({ data }) => data.run_id)
  if (!runId) return []
  const after = numbersOf(seen).at(-1) ?? 0
  return readUntilCut(await fetch(`${url}/v1/runs/${runId}/stream?starting_after=${after}`))
}

export function numbersOf(events: StreamEvent[]): number[] {
  return events.map(({ data }) => data.seq_id).filter((seq) => typeof seq === 'number')
}

/** Each number once, the smallest first. */
export function rising(numbers: number[]): number[] {
  return [...new Set(numbers)].sort((one, two) => one - two)
}

export function endsOf(events: StreamEvent[]): string[] {
  return events
    .map(({ data }) => data.message_type ?? data)
    .filter((type) => type === 'stop_reason' || type === '[DONE]')
}
