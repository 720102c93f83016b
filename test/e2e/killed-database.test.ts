import { execFileSync, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { clientOf, until } from '../replicas.ts'
import { type ServerProcess, startServerProcess } from '../server-process.ts'
import { endsOf, streamUntilCut } from './cut-streams.ts'

/** A server that brings its own database. Goal: what it has acknowledged is on disk, and a dead database is not the end. */
const AGENTS = 4
/** It has no `ps` and no `kill`. */
const isWindows = process.platform === 'win32'
const START_MS_MAX = 90_000

it.skipIf(isWindows)(
  'kill -9 of the server with its database: no acknowledged message is lost',
  { timeout: START_MS_MAX },
  () =>
    inFolder(async (folder) => {
      const first = await startServerProcess({ PERDURE_DATA_DIR: folder })
      const agentIds = await Promise.all(Array.from({ length: AGENTS }, () => createAgent(first.url)))
      const acknowledged: { agentId: string; otid: string }[] = []
      const talking = agentIds.map(async (agentId) => {
        while (await sendAsync(first.url, agentId, acknowledged).catch(() => false));
      })
      await until(() => acknowledged.length >= 40)
      killTree(first.pid)
      await Promise.all(talking)

      const second = await startServerProcess({ PERDURE_DATA_DIR: folder })
      try {
        const { ask, messages } = clientOf(second.url)
        await until(async () => (await ask('GET', '/v1/runs/?active=true')).body.length === 0)
        for (const agentId of agentIds) {
          const stored = (await messages(agentId)).filter(({ message_type: type }) => type === 'user_message')
          const otids = stored.map(({ otid }) => otid)
          expect(new Set(otids).size).toBe(otids.length)
          const sent = acknowledged.filter((one) => one.agentId === agentId).map(({ otid }) => otid)
          expect(otids).toEqual(expect.arrayContaining(sent))
        }
      } finally {
        await second.stop()
      }
    }),
)

it.skipIf(isWindows)(
  'kill -9 of the database alone: the turn pauses and goes on, and its reader sees no error',
  { timeout: START_MS_MAX },
  () =>
    inFolder(async (folder) => {
      const server = await startServerProcess({ PERDURE_DATA_DIR: folder })
      try {
        const agentId = await createAgent(server.url)
        const reading = streamUntilCut(server.url, agentId, { input: 'Please remember that I like tea' })
        await until(async () => (await clientOf(server.url).ask('GET', '/v1/runs/?active=true')).body[0])
        process.kill(postmasterOf(folder), 'SIGKILL')
        const events = await reading
        expect(events.filter(({ event }) => event === 'error')).toEqual([])
        expect(endsOf(events)).toEqual(['stop_reason', '[DONE]'])
        const { body } = await clientOf(server.url).ask(
          'GET',
          `/v1/agents/${agentId}/core-memory/blocks/human`,
        )
        expect(body.value.match(/I like tea/g)).toHaveLength(1)
      } finally {
        await server.stop()
      }
    }),
)

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'perdure killed '))
  await work(folder).finally(() => rmSync(folder, { recursive: true, force: true }))
}

function createAgent(url: string): Promise<string> {
  return clientOf(url).createAgent({ model: 'perdure/offline' })
}

/** False: the server is gone. What it refuses because too much waits already is not acknowledged. */
async function sendAsync(url: string, agentId: string, acknowledged: { agentId: string; otid: string }[]) {
  const otid = randomUUID()
  const messages = [{ role: 'user', content: 'Hello', otid }]
  const { status } = await clientOf(url).ask('POST', `/v1/agents/${agentId}/messages/async`, { messages })
  if (status === 200) acknowledged.push({ agentId, otid })
  else await sleep(20)
  return true
}

/** Everything that a process has started, and itself, at one blow: the database is in a session of its own. */
function killTree(pid: ServerProcess['pid']): void {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const pairs = rows
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(Number))
  const tree = [pid]
  for (const parent of tree) for (const [child, of] of pairs) if (of === parent && child) tree.push(child)
  expect(tree.length).toBeGreaterThan(2)
  spawnSync('kill', ['-9', ...tree.map(String)])
}

function postmasterOf(folder: string): number {
  return Number(readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n', 1)[0])
}
