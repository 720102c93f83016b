import type pg from 'pg'

/** A page that is asked for, by name; `path` is below `/v1`. */
export type Question = { name: string; path: string }

/** Every filter of the run lists, and pages of messages and steps, near the end and in the middle. */
export async function questionsFor(client: pg.Client, agentId: string): Promise<Question[]> {
  const one = async (statement: string) =>
    String(Object.values((await client.query(statement)).rows[0] ?? {})[0])
  const middleRun = await one(
    `select id from runs order by created_at offset (select count(*) / 2 from runs) limit 1`,
  )
  const runAgent = await one(`select agent_id from runs order by created_at desc limit 1`)
  const conversation = await one(
    `select conversation_id from runs where not in_default_conversation order by created_at desc limit 1`,
  )
  const middleMessage = await one(
    `select id from messages where agent_id = '${agentId}' order by sequence_id
     offset (select count(*) / 2 from messages where agent_id = '${agentId}') limit 1`,
  )
  const day = await one(`select to_char(created_at, 'YYYY-MM-DD') from runs where id = '${middleRun}'`)
  const runs = (name: string, query: string) => ({ name: `runs: ${name}`, path: `/runs/?limit=50&${query}` })
  const measured = (name: string, query: string) => ({
    name: `runs: ${name}`,
    path: `/_internal_runs/?limit=50&${query}`,
  })
  return [
    runs('newest', ''),
    runs('oldest', 'order=asc'),
    runs('after one in the middle', `after=${middleRun}`),
    runs('before one in the middle', `before=${middleRun}`),
    runs('of an agent', `agent_id=${runAgent}`),
    runs('of a conversation', `conversation_id=${conversation}`),
    runs('failed', 'statuses=failed'),
    runs('failed or cancelled', 'statuses=failed&statuses=cancelled'),
    runs('active', 'active=true'),
    runs('in background', 'background=true'),
    runs('by stop reason', 'stop_reason=max_steps'),
    runs('failed, of an agent', `agent_id=${runAgent}&statuses=failed`),
    measured('of a template', 'template_family=template-0'),
    measured('of a project', 'project_id=project-0'),
    measured('on a day', `start_date=${day}T00:00:00Z&end_date=${day}T23:59:59Z`),
    measured('with 3 steps', 'step_count=3&step_count_operator=eq'),
    measured('with 20 steps or more', 'step_count=20&step_count_operator=gte'),
    measured('with 1 step at most', 'step_count=1&step_count_operator=lte'),
    measured('that used a tool', 'tools_used=tool-10'),
    measured('that used a tool nobody used', 'tools_used=tool-none'),
    measured('longer than 12 s', 'duration_operator=gt&duration_value=12000000000'),
    measured('longer than ever', 'duration_operator=gt&duration_value=100000000000000'),
    measured('shorter than 1 s', 'duration_operator=lt&duration_value=1000000000'),
    measured('by duration', 'order_by=duration'),
    measured('by duration, shortest first', 'order_by=duration&order=asc'),
    measured('by duration, of an agent', `order_by=duration&agent_id=${runAgent}`),
    measured('duration percentile 95', 'duration_percentile=95'),
    measured('duration percentile 50, of an agent', `duration_percentile=50&agent_id=${runAgent}`),
    measured('duration percentile 95, failed', 'duration_percentile=95&statuses=failed'),
    { name: 'steps: newest', path: '/steps/?limit=50' },
    { name: 'steps: of an agent', path: `/steps/?limit=50&agent_id=${runAgent}` },
    { name: 'steps: with feedback', path: '/steps/?limit=50&feedback=positive' },
    { name: 'messages: newest', path: `/agents/${agentId}/messages?limit=50` },
    {
      name: 'messages: before one in the middle',
      path: `/agents/${agentId}/messages?limit=50&before=${middleMessage}`,
    },
    {
      name: 'messages: after one in the middle',
      path: `/agents/${agentId}/messages?limit=50&after=${middleMessage}`,
    },
    { name: 'agent', path: `/agents/${agentId}` },
    { name: 'context overview', path: `/agents/${agentId}/context` },
  ]
}
