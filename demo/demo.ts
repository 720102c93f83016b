/**
 * What Perdure does, told on a terminal with an agent that really exists, through the official client.
 *
 *   npm run demo                                    starts a server of its own, and kills it for the story
 *   npm run demo -- --url http://127.0.0.1:8283     talks to a server that runs (PERDURE_URL; PERDURE_PASSWORD)
 *   npm run demo -- --model openai/gpt-4.1-mini     with a real model (PERDURE_DEMO_MODEL)
 *
 * Exits with 0 when everything that it claims was true.
 */
import { parseArgs } from 'node:util'
import Letta from '@letta-ai/letta-client'
import { type DemoServer, someonesServer, startOwnServer } from './server.ts'
import { answer, askFirst, createAgent, remember, survive } from './story.ts'
import { chapter, show, tell } from './terminal.ts'

const { url, model } = readOptions()

chapter('Perdure, in a minute')
const server = await openServer()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void server.end().finally(() => process.exit(130)))
}
try {
  await tellStory(server)
} catch (error) {
  tell(`The story ends here: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
} finally {
  await server.end()
}

function readOptions() {
  const { values } = parseArgs({ options: { url: { type: 'string' }, model: { type: 'string' } } })
  return {
    url: values.url ?? process.env.PERDURE_URL,
    model: values.model ?? process.env.PERDURE_DEMO_MODEL ?? 'perdure/offline',
  }
}

async function openServer(): Promise<DemoServer> {
  if (url !== undefined) {
    tell(`This is about the server at ${url}.`)
    return someonesServer(url)
  }
  tell('No server was named, so I start one, in an empty folder.')
  const since = Date.now()
  const own = await startOwnServer()
  tell(`It is ready after ${((Date.now() - since) / 1_000).toFixed(1)} s, with a PostgreSQL of its own.`)
  return own
}

async function tellStory({ url: baseURL, plug }: DemoServer): Promise<void> {
  const client = new Letta({ baseURL, apiKey: process.env.PERDURE_PASSWORD ?? 'none' })

  chapter('1. An agent')
  const scene = { client, agentId: await createAgent(client, model) }

  chapter('2. It answers, word by word')
  await answer(scene)

  chapter('3. It remembers')
  await remember(scene)

  chapter('4. It asks first')
  await askFirst(scene)

  chapter('5. The plug is pulled')
  if (plug) await survive(scene, plug)
  else tell('Left out: I kill only servers that I have started myself. Run this without --url to see it.')

  chapter('What next')
  suggestNext(scene.agentId, plug !== null)
}

function suggestNext(agentId: string, isOver: boolean): void {
  if (process.exitCode) {
    tell('Something above was not true. That is a defect of Perdure, or of the model.')
    return
  }
  tell(
    `All of it was true. ${isOver ? 'Its server and data are removed now; this starts one that stays:' : 'The agent stays:'}`,
  )
  show('run', isOver ? 'npm start' : curl(agentId))
  tell('With OPENAI_API_KEY, ANTHROPIC_API_KEY or another key set (README.md), it has real models.')
  tell('All this was done with the official client: demo/story.ts shows how.')
}

function curl(agentId: string): string {
  const password = process.env.PERDURE_PASSWORD ? ' -H "authorization: Bearer $PERDURE_PASSWORD"' : ''
  return `curl ${url}/v1/agents/${agentId}/messages${password} -H 'content-type: application/json' -d '{"input": "What do you know about me?"}'`
}
