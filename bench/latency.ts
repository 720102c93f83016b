import { type Answer, askMock, createAgent, get, send, sendStreaming } from './ask.ts'
import { interleaved, median, type Pair, quantile, timed } from './samples.ts'
import type { Figure } from './table.ts'
import type { World } from './world.ts'

/** Messages that one agent gets before the next one takes over: the context, and so the prompt, stays short. */
const MESSAGES_PER_AGENT = 10

/** Hands out an agent for each message. */
async function agentsFor(world: World, count: number): Promise<() => string> {
  const agents: string[] = []
  for (let made = 0; made < Math.ceil(count / MESSAGES_PER_AGENT); made++)
    agents.push(await createAgent(world))
  let sent = 0
  return () => agents[Math.floor(sent++ / MESSAGES_PER_AGENT) % agents.length] ?? ''
}

/** What a blocking run costs on top of its model call, and how soon that call begins. */
export async function measureEcho(world: World, count: number, addedMsMax: number): Promise<Figure[]> {
  const agent = await agentsFor(world, count + 20)
  const answers: Answer[] = []
  const pairs = await interleaved(
    count,
    () => timed(() => askMock(world, 'hello')),
    () => timed(async () => answers.push(await send(world, agent(), 'hello'))),
  )
  return [
    {
      what: 'blocking echo run, past the server, p50',
      value: median(pairs.map(({ direct }) => direct)),
      unit: 'ms',
    },
    {
      what: 'blocking echo run, through it, p50',
      value: median(pairs.map(({ through }) => through)),
      unit: 'ms',
    },
    { what: 'added latency, p50', value: addedMedian(pairs), unit: 'ms', aim: addedMsMax },
    { what: 'added latency, p95', value: addedQuantile(pairs, 0.95), unit: 'ms' },
    {
      what: 'admission to first model call, p50',
      value: median(await delaysOf(world, answers.slice(-count))),
      unit: 'ms',
    },
  ]
}

/** From a run's admission to the start of its first model call, by the server's own clock. */
async function delaysOf(world: World, answers: Answer[]): Promise<number[]> {
  const delays: number[] = []
  for (const { messages } of answers) {
    const [message] = messages
    if (!message) continue
    const run = await get<{ run_start_ns: number }>(world, `/runs/${message.run_id}/metrics`)
    const step = await get<{ llm_request_start_ns: number }>(world, `/steps/${message.step_id}/metrics`)
    delays.push((step.llm_request_start_ns - run.run_start_ns) / 1e6)
  }
  return delays
}

/** What the server adds to the wait for the first piece of text. */
export async function measureFirstToken(world: World, count: number, addedMsMax: number): Promise<Figure[]> {
  const agent = await agentsFor(world, count + 20)
  const pairs = await interleaved(
    count,
    () => untilFirst((onChunk) => askMock(world, 'hello', onChunk)),
    () => untilFirst((onChunk) => sendStreaming(world, agent(), 'hello', onChunk)),
  )
  return [
    {
      what: 'first token, past the server, p50',
      value: median(pairs.map(({ direct }) => direct)),
      unit: 'ms',
    },
    { what: 'added time to first token, p50', value: addedMedian(pairs), unit: 'ms', aim: addedMsMax },
    { what: 'added time to first token, p95', value: addedQuantile(pairs, 0.95), unit: 'ms' },
  ]
}

/** Milliseconds until the first piece; the rest is read as well, so that nothing of it runs beside the next one. */
async function untilFirst(ask: (onChunk: () => void) => Promise<void>): Promise<number> {
  const start = performance.now()
  let first: number | undefined
  await ask(() => {
    first ??= performance.now() - start
  })
  if (first === undefined) throw new Error('there was no text')
  return first
}

function addedMedian(pairs: Pair[]): number {
  return addedQuantile(pairs, 0.5)
}

function addedQuantile(pairs: Pair[], share: number): number {
  return quantile(
    pairs.map(({ direct, through }) => through - direct),
    share,
  )
}
