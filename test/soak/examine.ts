import { sql } from 'kysely'
import type { AgentId } from '../../src/domain/id.ts'
import type { Db } from '../../src/store/schema.ts'
import { refusedByProviders, wrongInConversations } from '../property/check-conversations.ts'
import { readRecords } from '../property/records.ts'
import type { World } from '../property/world.ts'
import type { Sent } from './client.ts'

/** What the database and the world outside say in the end. Lists are of what should not be. */
export type Findings = {
  runs: Record<string, number>
  stuck: number
  takenOver: number
  lostMessages: string[]
  doubledMessages: string[]
  doubledAnswers: string[]
  doubledEffects: string[]
  lostEffects: string[]
  silentEffects: string[]
  inDoubt: number
  lostEdits: string[]
  doubledEdits: string[]
  brokenHistories: string[]
  histories: number
}

export async function examine(
  db: Db,
  agentIds: string[],
  sent: Sent[],
  counts: ReadonlyMap<string, number>,
): Promise<Findings> {
  const returns = await readReturns(db)
  const notes = sent.flatMap((one) => one.notes)
  const answered = new Map(returns.map((one) => [one.note, one]))
  const { stored, answers } = await readStored(db)
  const edits = await examineEdits(db, sent)
  return {
    ...(await readRuns(db)),
    lostMessages: sent.filter((one) => one.accepted && !stored.has(one.otid)).map(({ otid }) => otid),
    doubledMessages: sent.filter((one) => (stored.get(one.otid) ?? 0) > 1).map(({ otid }) => otid),
    doubledAnswers: answers,
    doubledEffects: notes.filter((note) => (counts.get(note) ?? 0) > 1),
    lostEffects: returns.filter(({ ok, note }) => ok && !counts.has(note)).map(({ note }) => note),
    silentEffects: [...counts.keys()].filter((note) => !answered.has(note)),
    inDoubt: returns.filter(({ text }) => text.includes('outcome') && text.includes('unknown')).length,
    ...edits,
    brokenHistories: await readBroken(db, agentIds),
    histories: agentIds.length,
  }
}

async function readRuns(db: Db) {
  const { rows } = await sql<{ status: string; stop_reason: string | null; count: number }>`
    select status, stop_reason, count(*) as count from runs group by 1, 2 order by 1, 2
  `.execute(db)
  const open = rows.filter(({ status }) => status === 'created' || status === 'running')
  const taken = await sql<{ count: number }>`
    select count(*) as count from runs where lease_epoch > 2`.execute(db)
  return {
    runs: Object.fromEntries(rows.map((row) => [`${row.status} ${row.stop_reason ?? ''}`.trim(), row.count])),
    stuck: open.reduce((sum, { count }) => sum + count, 0),
    takenOver: taken.rows[0]?.count ?? 0,
  }
}

/** How often each input is stored, and the runs that have answered twice. */
async function readStored(db: Db) {
  const users = await sql<{ otid: string; count: number }>`
    select otid, count(*) as count from messages where role = 'user' and otid is not null group by 1`.execute(
    db,
  )
  const doubled = await sql<{ run_id: string }>`
    select run_id from messages where role = 'assistant' and (tool_calls is null or tool_calls::jsonb = '[]'::jsonb)
    group by 1 having count(*) > 1`.execute(db)
  return {
    stored: new Map(users.rows.map(({ otid, count }) => [otid, count])),
    answers: doubled.rows.map((row) => row.run_id),
  }
}

/** Every result that an agent has read of the tool that acts outside. */
async function readReturns(db: Db): Promise<{ note: string; ok: boolean; text: string }[]> {
  const { rows } = await sql<{ note: string; ok: boolean; text: string }>`
    select call->>'arguments' as note, result->>'status' = 'success' as ok, result::text as text
    from messages as tool
    cross join jsonb_array_elements(tool.tool_returns::jsonb) as result
    join messages as asked on asked.conversation_id = tool.conversation_id and asked.role = 'assistant'
      and asked.step_id = tool.step_id
    cross join jsonb_array_elements(asked.tool_calls::jsonb) as call
    where tool.role = 'tool' and call->>'id' = result->>'callId' and call->>'name' = 'note_outside'
  `.execute(db)
  return rows.map((row) => ({ ...row, note: String(JSON.parse(row.note).note) }))
}

async function examineEdits(db: Db, sent: Sent[]) {
  const { rows } = await sql<{ agent_id: string; value: string }>`
    select agent_id, value from agent_blocks join blocks on blocks.id = agent_blocks.block_id`.execute(db)
  const values = new Map(rows.map((row) => [row.agent_id, row.value.split('\n')]))
  const { rows: done } = await sql<{ arguments: string }>`
    select arguments from tool_executions where name = 'core_memory_append' and state = 'done'`.execute(db)
  const promised = new Set(done.map((row) => String(JSON.parse(row.arguments).content)))
  const count = ({ agentId }: Sent, line: string) =>
    (values.get(agentId) ?? []).filter((text) => text === line).length
  const edits = sent.flatMap((one) => one.lines.map((line) => ({ line, times: count(one, line) })))
  return {
    lostEdits: edits.filter(({ line, times }) => times === 0 && promised.has(line)).map(({ line }) => line),
    doubledEdits: edits.filter(({ times }) => times > 1).map(({ line }) => line),
  }
}

/** Histories that a provider of any of the four wire formats would refuse, or that do not hold together by themselves. */
async function readBroken(db: Db, agentIds: string[]): Promise<string[]> {
  const broken: string[] = []
  for (const agentId of agentIds) {
    const records = await readRecords(db, agentId as AgentId)
    const seen = new Set<string>()
    broken.push(
      ...wrongInConversations(records),
      ...(await refusedByProviders({ db } as World, records, seen)),
    )
  }
  return broken
}
