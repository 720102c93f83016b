import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { clientOf } from '../replicas.ts'
import type { Fleet } from './fleet.ts'

/** What one client has sent and heard. */
export type Sent = {
  otid: string
  agentId: string
  /** The server has said that it has the message. */
  accepted: boolean
  /** The client has heard the end of its run. */
  heard: boolean
  notes: string[]
  lines: string[]
}

export type Told = { sent: Sent[]; wrong: string[] }

const PAUSE_MS = 100
const KINDS = ['plain', 'drip', 'outside', 'parallel', 'memory', 'script'] as const

/**
 * Talks to one agent until it is told to stop, one message after the other with pauses of up to `pauseMs`, and repeats
 * what was not answered.
 */
export async function talk(
  fleet: Fleet,
  agentId: string,
  { over, told, pauseMs }: { over: AbortSignal; told: Told; pauseMs: number },
): Promise<void> {
  while (!over.aborted) {
    await sleep(Math.random() * pauseMs, undefined, { signal: over }).catch(() => undefined)
    if (over.aborted) return
    const sent: Sent = { otid: randomUUID(), agentId, accepted: false, heard: false, notes: [], lines: [] }
    told.sent.push(sent)
    const text = textOf(KINDS[Math.floor(Math.random() * KINDS.length)] ?? 'plain', sent)
    const deliver = Math.random() < 0.5 ? sendStreaming : sendBlocking
    while (!sent.heard) {
      await deliver(fleet, sent, text, told).catch(() => undefined)
      if (!sent.heard) await sleep(PAUSE_MS)
    }
  }
}

function textOf(kind: (typeof KINDS)[number], sent: Sent): string {
  const key = sent.otid.slice(0, 13)
  const note = (at: number) => {
    sent.notes.push(`${key}-${at}`)
    return { note: `${key}-${at}` }
  }
  const line = () => {
    sent.lines.push(`line ${key}`)
    return { label: 'human', content: `line ${key}` }
  }
  switch (kind) {
    case 'plain':
      return `hello ${key}`
    case 'drip':
      return '[[drip 20 20]]'
    case 'outside':
      return `[[call note_outside ${JSON.stringify(note(0))}]]`
    case 'parallel':
      return `[[call note_outside ${JSON.stringify(note(0))}]] [[call note_outside ${JSON.stringify(note(1))}]]`
    case 'memory':
      return `[[call core_memory_append ${JSON.stringify(line())}]]`
    case 'script': {
      const turns = [
        { call: ['note_outside', note(0)] },
        { call: ['core_memory_append', line()] },
        { call: ['note_outside', note(1)] },
        { say: 'Done.' },
      ]
      return `[[script ${JSON.stringify(turns)}]]`
    }
  }
}

function bodyOf(sent: Sent, text: string) {
  return { messages: [{ role: 'user', content: text, otid: sent.otid }] }
}

async function sendBlocking(fleet: Fleet, sent: Sent, text: string, told: Told): Promise<void> {
  const { ask } = clientOf(await fleet.url())
  const { status, body } = await ask('POST', `/v1/agents/${sent.agentId}/messages`, bodyOf(sent, text))
  // 500: the run was given up, because the server died each time that it was tried.
  if (status === 200 || status === 500) Object.assign(sent, { accepted: true, heard: true })
  else if (status < 500 && status !== 409) {
    sent.heard = true
    told.wrong.push(`${sent.otid}: ${status} ${JSON.stringify(body).slice(0, 200)}`)
  }
}

/** Follows the stream over as many servers as it takes; numbers rise, and there is one end. */
async function sendStreaming(fleet: Fleet, sent: Sent, text: string, told: Told): Promise<void> {
  const body = { ...bodyOf(sent, text), streaming: true, stream_tokens: true }
  const reader = new Reader(sent, told)
  await reader.read(await post(`${await fleet.url()}/v1/agents/${sent.agentId}/messages`, body))
  while (!sent.heard && reader.runId) {
    await sleep(PAUSE_MS)
    const url = `${await fleet.url()}/v1/runs/${reader.runId}/stream?starting_after=${reader.seq}`
    await fetch(url)
      .then((response) => reader.read(response))
      .catch(() => undefined)
  }
}

function post(url: string, body: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1' }
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
}

class Reader {
  readonly #sent: Sent
  readonly #told: Told
  runId: string | null = null
  seq = 0
  #ends = 0

  constructor(sent: Sent, told: Told) {
    this.#sent = sent
    this.#told = told
  }

  async read(response: Response): Promise<void> {
    if (!response.ok || !response.body) return
    this.#sent.accepted = true
    let rest = ''
    for await (const bytes of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = `${rest}${bytes}`.split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) this.#take(block.slice(block.indexOf('data: ') + 6))
    }
  }

  #take(data: string): void {
    if (data === '[DONE]') {
      this.#sent.heard = true
      if (this.#ends !== 1) this.#told.wrong.push(`${this.runId}: ${this.#ends} ends in one stream`)
      return
    }
    const event = JSON.parse(data)
    this.runId ??= event.run_id
    if (event.message_type === 'stop_reason') this.#ends += 1
    if (event.message_type === 'ping' && event.seq_id === this.seq) return
    if (event.seq_id <= this.seq) this.#told.wrong.push(`${this.runId}: ${event.seq_id} after ${this.seq}`)
    this.seq = event.seq_id
  }
}
