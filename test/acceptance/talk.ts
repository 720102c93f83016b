import type { JsonObject } from '../../src/domain/json.ts'
import type { Answer } from '../http-world.ts'
import type { ServerWorld } from '../server-world.ts'

export type Turn = JsonObject & { say?: string; calls?: { name: string; args: JsonObject }[] }

/** What the mock's model is to say and call, turn by turn. */
export function script(...turns: Turn[]): string {
  return `[[script ${JSON.stringify(turns)}]]`
}

export const call = (name: string, args: JsonObject) => ({ name, args })
export const note = (text: string) => call('memory_insert', { label: 'human', new_string: text })

/** One agent, as its client talks with it. */
export class Talk {
  readonly #world: ServerWorld
  readonly agent: string

  constructor(world: ServerWorld, agent: string) {
    this.#world = world
    this.agent = agent
  }

  static async open(world: ServerWorld, more: JsonObject = {}): Promise<Talk> {
    const memory = [{ label: 'human', value: 'Ann.' }]
    return new Talk(world, await world.createAgent({ memory_blocks: memory, ...more }))
  }

  send(messages: JsonObject[], more: JsonObject = {}): Promise<Answer> {
    return this.#world.ask('POST', `/v1/agents/${this.agent}/messages`, { messages, ...more })
  }

  say(text: string, more: JsonObject = {}): Promise<Answer> {
    return this.send([{ role: 'user', content: text }], more)
  }

  answer(approvals: JsonObject[], more: JsonObject = {}): Promise<Answer> {
    return this.send([{ type: 'approval', approvals }], more)
  }

  approve(id: string, approve = true, more: JsonObject = {}): Promise<Answer> {
    return this.answer([{ type: 'approval', tool_call_id: id, approve }], more)
  }

  /** The events of a stream, the last of them `[DONE]`. */
  async stream(text: string, more: JsonObject = {}): Promise<JsonObject[]> {
    const { body } = await this.#world.ask('POST', `/v1/agents/${this.agent}/messages/stream`, {
      messages: [{ role: 'user', content: text }],
      ...more,
    })
    const lines = String(body)
      .split('\n')
      .filter((line) => line.startsWith('data: '))
    return lines.map((line) => {
      const data = line.slice('data: '.length)
      return data === '[DONE]' ? { message_type: data } : JSON.parse(data)
    })
  }

  async list(query = 'order=asc'): Promise<JsonObject[]> {
    return (await this.#world.ask('GET', `/v1/agents/${this.agent}/messages?${query}`)).body
  }

  async state(query = ''): Promise<JsonObject> {
    return (await this.#world.ask('GET', `/v1/agents/${this.agent}${query}`)).body
  }

  /** The last request that the model got from this agent's turn with these words in it. */
  requestWith(words: string): JsonObject {
    const request = this.#world.mock.log({ contains: words }).at(-1)
    if (!request) throw new Error(`no request has ${words} in it`)
    return request.body as JsonObject
  }
}

export function typesOf(views: JsonObject[]): string[] {
  return views.map((view) => String(view.message_type))
}
