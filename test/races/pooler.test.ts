import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '../../src/store/open.ts'
import { inTransaction } from '../../src/store/transaction.ts'
import { openDatabaseProxy } from '../database-proxy.ts'
import { openReplicas, type Replicas, until } from '../replicas.ts'
import { tellStory } from './tell-story.ts'

/** Debian puts it where only root looks. */
const PGBOUNCER = ['pgbouncer', '/usr/sbin/pgbouncer'].find(
  (command) => spawnSync(command, ['--version']).status === 0,
)
if (!PGBOUNCER) console.warn('R-49 is not tested: there is no pgbouncer on this machine')

/** Rule R-49: PgBouncer in transaction mode between the servers and their database. */
describe.skipIf(!PGBOUNCER)('a pooler', () => {
  let world: Replicas
  let pooler: { url: string; stop(): Promise<void> }
  beforeAll(async () => {
    world = await openReplicas()
    pooler = await startPooler(PGBOUNCER ?? '', world.databaseUrl)
  })
  afterAll(async () => {
    await world.close()
    await pooler.stop()
  })

  it('R-49: in transaction mode everything works; that no notices arrive is said once', async () => {
    const [one, two] = [
      await world.start({ DATABASE_URL: pooler.url }),
      await world.start({ DATABASE_URL: pooler.url }),
    ]
    await tellStory(one)
    const agentId = await one.createAgent()
    const whole = one.stream(agentId, '[[drip 60 20]]', { stream_tokens: true, background: true })
    const runId = await until(async () => (await two.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body[0]?.id)
    const followed = await two.ask('GET', `/v1/runs/${runId}/stream`)
    expect(followed.body).toContain('[DONE]')
    const numbers = (text: string) => [...text.matchAll(/"seq_id":(\d+)/g)].map(([, seq]) => Number(seq))
    const own = (await whole).map(({ data }) => data.seq_id).filter((seq) => typeof seq === 'number')
    expect(numbers(followed.body)).toEqual(own)
    const said = () => two.observations.filter(({ type }) => type === 'notice')
    await until(() => said().length > 0)
    expect(said()).toHaveLength(1)
  })

  it('R-49: with the address behind it notices arrive', async () => {
    const direct = { DATABASE_URL: pooler.url, PERDURE_DATABASE_DIRECT_URL: world.databaseUrl }
    const server = await world.start(direct)
    await tellStory(server)
    await new Promise((done) => setTimeout(done, 3_500))
    expect(server.observations.filter(({ type }) => type === 'notice')).toEqual([])
  })

  it('R-49: servers that start at once behind it leave no lock that keeps the next from starting', async () => {
    await Promise.all(Array.from({ length: 8 }, () => migrate(pooler.url)))
    const { rows } = await sql`select * from pg_locks where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())`.execute(world.db)
    expect(rows).toEqual([])
  })

  it('R-48: behind it every transaction has its timeouts', async () => {
    const server = await world.start({ DATABASE_URL: pooler.url })
    const settings = await inTransaction(server.server.engine.deps.db, (tx) =>
      tx
        .selectFrom('pg_settings' as never)
        .where('name' as never, 'in', ['statement_timeout', 'lock_timeout'] as never)
        .orderBy('name' as never)
        .select('setting' as never)
        .execute(),
    )
    expect(settings).toEqual([{ setting: '5000' }, { setting: '30000' }])
  })
})

/** PgBouncer in front of a database. It does not run as root, and so does not come to the embedded server's socket. */
async function startPooler(command: string, databaseUrl: string) {
  const bridge = await openDatabaseProxy(databaseUrl)
  const { host, port, user = '', password, database } = new pg.Client({ connectionString: bridge.url })
  const folder = mkdtempSync(join(tmpdir(), 'perdure-pooler-'))
  chmodSync(folder, 0o755)
  const listenPort = 20_000 + Math.floor(Math.random() * 10_000)
  const login = password ? ` password=${password}` : ''
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    [
      '[databases]',
      `${database} = host=${host} port=${port} user=${user}${login} dbname=${database}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${listenPort}`,
      'unix_socket_dir =',
      'auth_type = any',
      'pool_mode = transaction',
      'default_pool_size = 8',
      'max_client_conn = 300',
    ].join('\n'),
  )
  const asOther = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn(command, [...asOther, join(folder, 'pgbouncer.ini')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await isUp(child)
  return {
    url: `postgres://${user || 'postgres'}@127.0.0.1:${listenPort}/${database}`,
    async stop() {
      child.kill('SIGINT')
      await once(child, 'exit')
      bridge.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function isUp(child: ChildProcess): Promise<void> {
  return new Promise((done, fail) => {
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('process up')) done()
    })
    child.once('exit', () => fail(new Error(`pgbouncer did not start:\n${said}`)))
  })
}
