import { type Ends, MODEL } from './world.ts'

/** What the measured requests are: to a server, or past it to the mock. Every answer is read to its end. */

const JSON_TYPE = { 'content-type': 'application/json' }

async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  })
  if (response.ok) return response
  throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
}

export async function get<Body>(ends: Ends, path: string): Promise<Body> {
  const response = await fetch(`${ends.server.url}/v1${path}`)
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as Body
}

/** A new agent with two memory blocks; its id. */
export async function createAgent(ends: Ends): Promise<string> {
  const response = await post(`${ends.server.url}/v1/agents/`, {
    model: `openai-proxy/${MODEL}`,
    embedding: 'openai/text-embedding-3-small',
    memory_blocks: [
      { label: 'human', value: 'A new user.' },
      { label: 'persona', value: 'I answer briefly.' },
    ],
  })
  return ((await response.json()) as { id: string }).id
}

export type Answer = { messages: { run_id: string; step_id: string }[] }

/** A message and its whole answer. */
export async function send(ends: Ends, agentId: string, text: string): Promise<Answer> {
  const response = await post(`${ends.server.url}/v1/agents/${agentId}/messages`, { input: text })
  return (await response.json()) as Answer
}

/** A message whose answer comes token by token; `onChunk` hears of each piece of text as it arrives. */
export async function sendStreaming(
  ends: Ends,
  agentId: string,
  text: string,
  onChunk: (text: string) => void,
): Promise<void> {
  const response = await post(`${ends.server.url}/v1/agents/${agentId}/messages`, {
    input: text,
    streaming: true,
    stream_tokens: true,
    include_pings: false,
  })
  for await (const event of eventsOf(response)) {
    if (event.message_type === 'assistant_message') onChunk(String(event.content))
  }
}

/** The same call as the server makes, without the server. */
export async function askMock(
  ends: Ends,
  text: string,
  onChunk: (text: string) => void = ignore,
): Promise<void> {
  const body = { model: MODEL, messages: [{ role: 'user', content: text }], stream: true }
  const response = await post(`${ends.mock.url}/v1/chat/completions`, body, {
    authorization: 'Bearer sk-bench',
  })
  for await (const event of eventsOf(response)) {
    const { content } = (event as { choices?: { delta?: { content?: string } }[] }).choices?.[0]?.delta ?? {}
    if (content) onChunk(content)
  }
}

function ignore(): void {}

/** The JSON of each server-sent event as it comes. */
async function* eventsOf(response: Response): AsyncGenerator<Record<string, unknown>> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const bytes of response.body ?? []) {
    const events = (rest + decoder.decode(bytes, { stream: true })).split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) {
      const [, data] = /^data: (.*)$/m.exec(event) ?? []
      if (data && data !== '[DONE]') yield JSON.parse(data) as Record<string, unknown>
    }
  }
}
