import type pg from 'pg'

/** Agents that the runs are spread over. */
const AGENTS = 200
/** Messages at the end of the history that are in the context as well. */
const IN_CONTEXT = 40

/**
 * Writes a past: runs of many agents with their metrics and steps, over a year, most of them completed; and a long
 * history of one agent. Written by the database itself, past the server, as the server would have left it.
 */
export async function seedHistory(
  client: pg.Client,
  agentId: string,
  size: { runs: number; messages: number },
): Promise<void> {
  await client.query('set synchronous_commit = off')
  await client.query(AGENTS_SQL, [agentId, AGENTS])
  await client.query(CONVERSATIONS_SQL, [agentId])
  await client.query(RUNS_SQL, [agentId, size.runs, AGENTS])
  await client.query(METRICS_SQL)
  await client.query(STEPS_SQL)
  await client.query(MESSAGES_SQL, [agentId, size.messages])
  await client.query(CONTEXT_SQL, [agentId, IN_CONTEXT])
  await client.query('vacuum analyze')
}

/** An id of a kind, made from a number: the same in each database. */
const idOf = (kind: string, number: string) =>
  `'${kind}-' || substr(md5('${kind}' || ${number}), 1, 8) || '-0000-4000-8000-' || substr(md5('${kind}' || ${number}), 9, 12)`

const AGENTS_SQL = `
  insert into agents (organization_id, id, name, agent_type, system, llm_config, tool_rules)
  select organization_id, ${idOf('agent', 'number')}, 'agent ' || number, agent_type, system, llm_config, tool_rules
  from agents, generate_series(1, $2::int) as number where id = $1`

const CONVERSATIONS_SQL = `
  insert into conversations (organization_id, id, agent_id, is_default)
  select organization_id, 'conv-' || substr(id, 7), id, true from agents where id <> $1`

const RUNS_SQL = `
  insert into runs (organization_id, id, agent_id, conversation_id, in_default_conversation, status, stop_reason, background,
    metadata, request_config, request, created_at, completed_at, base_template_id, project_id, created_by_id)
  select agents.organization_id, ${idOf('run', 'number')}, agents.id, 'conv-' || substr(agents.id, 7), number % 10 <> 0,
    case when number % 50 = 0 then 'cancelled' when number % 13 = 0 then 'failed' else 'completed' end,
    case when number % 50 = 0 then 'cancelled' when number % 13 = 0 then 'llm_api_error'
      when number % 37 = 0 then 'max_steps' else 'end_turn' end,
    number % 5 = 0, '{"run_type": "send_message"}', '{}', '{"input": []}', at, at + interval '3 seconds',
    case when number % 100 = 0 then 'template-' || number % 7 end, case when number % 20 = 0 then 'project-' || number % 3 end,
    'user-00000000-0000-4000-8000-000000000000'
  from generate_series(1, $2::int) as number
  join (select *, row_number() over (order by id) as ordinal from agents where id <> $1) agents
    on agents.ordinal = 1 + number % $3
  cross join lateral (select now() - interval '365 days' * (1 - number / ($2::float + 1)) as at) moment`

const METRICS_SQL = `
  insert into run_metrics (organization_id, id, agent_id, project_id, base_template_id, run_start_ns, run_ns, num_steps, tools_used, created_at)
  select organization_id, id, agent_id, project_id, base_template_id, 0,
    (1e9 * exp(2.5 * random()))::bigint, 1 + (created_order % 10)::int,
    case when created_order % 10 = 0 then array['tool-' || created_order % 50] end, created_at
  from runs on conflict do nothing`

const STEPS_SQL = `
  insert into steps (organization_id, id, run_id, agent_id, conversation_id, index, status, phase, model, prompt_tokens,
    completion_tokens, total_tokens, stop_reason, feedback, created_at)
  select organization_id, 'step-' || substr(id, 5), id, agent_id, conversation_id, 0, 'success', 'committed', 'gpt-4o-mini',
    100, 10, 110, 'end_turn', case when created_order % 100 = 0 then 'positive' end, created_at
  from runs on conflict do nothing`

const MESSAGES_SQL = `
  insert into messages (organization_id, id, agent_id, conversation_id, role, content, search_text, created_at)
  select organization_id, ${idOf('message', 'number')}, agent_id, id, case number % 2 when 1 then 'user' else 'assistant' end,
    jsonb_build_array(jsonb_build_object('type', 'text', 'text', words)), words,
    now() - interval '1 minute' * ($2::int - number)
  from conversations
  cross join generate_series(1, $2::int) as number
  cross join lateral (select 'This is message ' || number || ' of a long talk about ' || md5(number::text) as words) said
  where agent_id = $1 and is_default order by number`

const CONTEXT_SQL = `
  with scope as (select * from conversations where agent_id = $1 and is_default),
  newest as (
    select messages.id, row_number() over (order by sequence_id) as ordinal
    from (select * from messages where agent_id = $1 and role in ('user', 'assistant')
      order by sequence_id desc limit $2) messages),
  added as (
    insert into context_items (organization_id, conversation_id, epoch, ordinal, message_id)
    select scope.organization_id, scope.id, scope.context_epoch, scope.context_length - 1 + newest.ordinal, newest.id
    from scope, newest returning ordinal)
  update conversations set context_length = scope.context_length + (select count(*) from added),
    message_count = (select count(*) from messages where agent_id = $1)
  from scope where conversations.id = scope.id`
