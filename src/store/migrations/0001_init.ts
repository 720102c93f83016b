import { type Kysely, sql } from 'kysely'

/**
 * The first schema. The organisation comes first in every key, so that the tables can be distributed by it.
 * Lists page by keyset: each list's index ends in its sort key and the id.
 */
const TABLES = [
  `create table organizations (
    id text primary key,
    name text not null,
    privileged_tools boolean not null default false,
    created_at timestamptz not null default now()
  )`,
  `create table users (
    id text primary key,
    organization_id text not null references organizations,
    name text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    is_deleted boolean not null default false
  )`,

  // One row per server process. A process drives runs as long as its lease lasts: one small row is renewed, not its runs.
  `create table processes (
    id text primary key,
    started_at timestamptz not null default now(),
    lease_until timestamptz not null,
    description text not null
  )`,

  `create table agents (
    organization_id text not null references organizations,
    id text not null,
    name text not null,
    agent_type text not null,
    system text not null,
    description text,
    metadata jsonb,
    llm_config jsonb not null,
    embedding_config jsonb,
    model_handle text,
    embedding_handle text,
    compaction_settings jsonb,
    response_format jsonb,
    tool_rules jsonb not null default '[]',
    timezone text not null default 'UTC',
    prompt_refresh text,
    fallback_models jsonb not null default '[]',
    message_buffer_autoclear boolean not null default false,
    enable_sleeptime boolean,
    max_files_open integer,
    per_file_view_window_char_limit integer,
    hidden boolean,
    project_id text,
    template_id text,
    base_template_id text,
    deployment_id text,
    entity_id text,
    last_stop_reason text,
    last_run_completion timestamptz,
    last_run_duration_ms bigint,
    last_run_order bigint not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by_id text,
    last_updated_by_id text,
    deleted_at timestamptz,
    primary key (organization_id, id)
  )`,
  `create index agents_by_creation on agents (organization_id, created_at desc, id desc) where deleted_at is null`,
  `create index agents_by_update on agents (organization_id, updated_at desc, id desc) where deleted_at is null`,
  `create index agents_by_completion on agents (organization_id, last_run_completion desc nulls last, id desc)
    where deleted_at is null`,
  `create index agents_by_name on agents (organization_id, name) where deleted_at is null`,
  `create index agents_deleted on agents (deleted_at) where deleted_at is not null`,
  `create index agents_by_template on agents (organization_id, base_template_id) where base_template_id is not null`,

  `create table agent_tags (
    organization_id text not null,
    agent_id text not null,
    tag text not null,
    primary key (organization_id, agent_id, tag),
    foreign key (organization_id, agent_id) references agents on delete cascade
  )`,
  `create index agent_tags_by_tag on agent_tags (organization_id, tag)`,

  `create table agent_secrets (
    organization_id text not null,
    agent_id text not null,
    key text not null,
    id text not null,
    value_encrypted text not null,
    description text,
    ordinal bigint generated always as identity,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (organization_id, agent_id, key),
    foreign key (organization_id, agent_id) references agents on delete cascade
  )`,

  `create table blocks (
    organization_id text not null references organizations,
    id text not null,
    label text,
    value text not null,
    char_limit integer not null default 100000,
    description text,
    metadata jsonb,
    read_only boolean not null default false,
    hidden boolean,
    is_template boolean not null default false,
    template_name text,
    template_id text,
    base_template_id text,
    deployment_id text,
    entity_id text,
    preserve_on_migration boolean,
    project_id text,
    version bigint not null default 1,
    last_writer text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by_id text,
    last_updated_by_id text,
    primary key (organization_id, id)
  )`,
  `create index blocks_by_creation on blocks (organization_id, created_at, id)`,
  `create index blocks_by_label on blocks (organization_id, label)`,
  // Every value that a block ever had, by version.
  `create table block_history (
    organization_id text not null,
    block_id text not null,
    version bigint not null,
    label text,
    value text not null,
    description text,
    writer text,
    written_at timestamptz not null default now(),
    primary key (organization_id, block_id, version),
    foreign key (organization_id, block_id) references blocks on delete cascade
  )`,
  `create table block_tags (
    organization_id text not null,
    block_id text not null,
    tag text not null,
    primary key (organization_id, block_id, tag),
    foreign key (organization_id, block_id) references blocks on delete cascade
  )`,
  `create index block_tags_by_tag on block_tags (organization_id, tag)`,
  // The label stands here too, so that the database keeps labels unique within an agent.
  `create table agent_blocks (
    organization_id text not null,
    agent_id text not null,
    block_id text not null,
    label text not null,
    ordinal bigint generated always as identity,
    primary key (organization_id, agent_id, block_id),
    unique (organization_id, agent_id, label) deferrable initially immediate,
    foreign key (organization_id, agent_id) references agents on delete cascade,
    foreign key (organization_id, block_id) references blocks on delete cascade
  )`,
  `create index agent_blocks_by_block on agent_blocks (organization_id, block_id)`,

  `create table tools (
    organization_id text not null references organizations,
    id text not null,
    name text not null,
    tool_type text not null,
    description text,
    source_type text,
    source_code text,
    json_schema json,
    args_json_schema json,
    tags jsonb not null default '[]',
    return_char_limit integer not null default 50000,
    pip_requirements jsonb,
    npm_requirements jsonb,
    default_requires_approval boolean,
    enable_parallel_execution boolean,
    metadata jsonb,
    project_id text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by_id text,
    last_updated_by_id text,
    primary key (organization_id, id),
    unique (organization_id, name)
  )`,
  `create index tools_by_creation on tools (organization_id, created_at desc, id desc)`,
  `create table agent_tools (
    organization_id text not null,
    agent_id text not null,
    tool_id text not null,
    ordinal bigint generated always as identity,
    primary key (organization_id, agent_id, tool_id),
    foreign key (organization_id, agent_id) references agents on delete cascade,
    foreign key (organization_id, tool_id) references tools on delete cascade
  )`,
  `create index agent_tools_by_tool on agent_tools (organization_id, tool_id)`,

  // A scope: one history, one context, one turn at a time. Every agent has one that is its default.
  `create table conversations (
    organization_id text not null,
    id text not null,
    agent_id text not null,
    is_default boolean not null default false,
    summary text,
    model text,
    model_settings jsonb,
    message_policy text,
    context_epoch integer not null default 0,
    context_length integer not null default 0,
    context_tokens integer,
    token_calibration real,
    message_count bigint not null default 0,
    proven_ordinal integer not null default -1,
    withheld jsonb,
    prompt_basis text,
    prompt_compiled_at timestamptz,
    compaction_failed_at integer,
    queue_tail bigint not null default 0,
    last_message_at timestamptz,
    last_run_completion timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by_id text,
    last_updated_by_id text,
    deleted_at timestamptz,
    primary key (organization_id, id),
    foreign key (organization_id, agent_id) references agents on delete cascade
  )`,
  `create unique index conversations_default on conversations (organization_id, agent_id) where is_default`,
  `create index conversations_by_agent on conversations (organization_id, agent_id, created_at desc, id desc)
    where deleted_at is null`,
  `create index conversations_by_creation on conversations (organization_id, created_at desc, id desc)
    where deleted_at is null`,
  `create index conversations_by_message on conversations (organization_id, last_message_at desc nulls last, id desc)
    where deleted_at is null`,
  `create index conversations_deleted on conversations (deleted_at) where deleted_at is not null`,
  `create table conversation_blocks (
    organization_id text not null,
    conversation_id text not null,
    block_id text not null,
    label text not null,
    primary key (organization_id, conversation_id, block_id),
    unique (organization_id, conversation_id, label),
    foreign key (organization_id, conversation_id) references conversations on delete cascade,
    foreign key (organization_id, block_id) references blocks on delete cascade
  )`,

  // History: immutable order by sequence_id. What is in the context is said elsewhere (context_items).
  `create table messages (
    organization_id text not null,
    id text not null,
    agent_id text not null,
    conversation_id text not null,
    role text not null,
    content jsonb,
    tool_calls jsonb,
    tool_returns json,
    answers jsonb,
    call_ids text[],
    search_text text,
    otid text,
    step_id text,
    run_id text,
    sender_id text,
    group_id text,
    name text,
    model text,
    is_err boolean not null default false,
    sequence_id bigint generated always as identity,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    primary key (organization_id, id)
  )`,
  `create unique index messages_by_sequence on messages (organization_id, sequence_id)`,
  `create index messages_by_agent on messages (organization_id, agent_id, sequence_id)`,
  `create index messages_by_conversation on messages (organization_id, conversation_id, sequence_id)`,
  `create index messages_by_run on messages (organization_id, run_id, sequence_id) where run_id is not null`,
  `create index messages_by_step on messages (organization_id, step_id, sequence_id) where step_id is not null`,
  `create index messages_by_call on messages using gin (call_ids) where call_ids is not null`,
  `create index messages_by_text on messages using gin (to_tsvector('simple', coalesce(search_text, '')))
    where search_text is not null`,

  // The context of a scope, in order. Appends add rows; a compaction or reset starts a new epoch.
  `create table context_items (
    organization_id text not null,
    conversation_id text not null,
    epoch integer not null,
    ordinal integer not null,
    message_id text not null,
    primary key (organization_id, conversation_id, epoch, ordinal)
  )`,
  `create index context_items_by_message on context_items (organization_id, message_id)`,

  `create table runs (
    organization_id text not null,
    id text not null,
    agent_id text not null,
    conversation_id text not null,
    in_default_conversation boolean not null,
    status text not null default 'created',
    stop_reason text,
    background boolean not null default false,
    metadata jsonb,
    request_config jsonb,
    request jsonb,
    callback_url text,
    callback_sent_at timestamptz,
    callback_status_code integer,
    callback_error text,
    ttft_ns bigint,
    lease_owner text,
    lease_epoch integer not null default 0,
    attempts integer not null default 0,
    holds_turn boolean not null default false,
    queue_pos bigint,
    seq_reserved bigint not null default 0,
    parent_run_id text,
    answers_run_id text,
    journal_version integer not null default 1,
    concluded_with text,
    created_order bigint generated always as identity,
    body_hash text,
    response_sent_at timestamptz,
    events_purged_at timestamptz,
    created_at timestamptz not null default now(),
    completed_at timestamptz,
    project_id text,
    base_template_id text,
    template_id text,
    deployment_id text,
    created_by_id text,
    last_updated_by_id text,
    primary key (organization_id, id),
    foreign key (organization_id, agent_id) references agents on delete cascade,
    check (status not in ('completed', 'failed', 'cancelled') or (stop_reason is not null and completed_at is not null))
  )`,
  // The turn: at most one run of a scope holds it.
  `create unique index runs_turn on runs (organization_id, conversation_id) where holds_turn`,
  `create index runs_waiting on runs (organization_id, conversation_id, queue_pos) where status = 'created'`,
  `create index runs_unfinished on runs (lease_owner) where status in ('created', 'running')`,
  `create index runs_by_creation on runs (organization_id, created_at desc, id desc)`,
  `create index runs_by_agent on runs (organization_id, agent_id, created_at desc, id desc)`,
  `create index runs_by_conversation on runs (organization_id, conversation_id, created_at desc, id desc)`,
  `create index runs_by_status on runs (organization_id, status, created_at desc, id desc)`,
  `create index runs_by_stop_reason on runs (organization_id, stop_reason, created_at desc, id desc)`,
  `create index runs_by_template on runs (organization_id, base_template_id, created_at desc, id desc)
    where base_template_id is not null`,
  `create index runs_by_project on runs (organization_id, project_id, created_at desc, id desc)
    where project_id is not null`,
  `create index runs_by_parent on runs (organization_id, parent_run_id) where parent_run_id is not null`,
  // Finished runs whose streams are still kept, oldest first.
  `create index runs_unpurged on runs (completed_at) where completed_at is not null and events_purged_at is null`,
  `create index runs_by_body on runs (organization_id, conversation_id, body_hash, created_at desc)
    where body_hash is not null`,

  // Its owner and time stand here too: what is asked of durations and steps is found in these indexes alone.
  `create table run_metrics (
    organization_id text not null,
    id text not null,
    agent_id text not null,
    project_id text,
    base_template_id text,
    template_id text,
    run_start_ns bigint not null,
    run_ns bigint,
    num_steps integer not null default 0,
    tools_used text[],
    created_at timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, id) references runs on delete cascade
  )`,
  `create index run_metrics_by_duration on run_metrics (organization_id, run_ns desc, id desc) where run_ns is not null`,
  `create index run_metrics_by_agent on run_metrics (organization_id, agent_id, run_ns desc, id desc)`,
  `create index run_metrics_by_creation on run_metrics (organization_id, created_at desc, id desc)
    include (run_ns, num_steps)`,
  `create index run_metrics_by_steps on run_metrics (organization_id, num_steps, id)`,
  `create index run_metrics_by_tool on run_metrics using gin (tools_used) where tools_used is not null`,

  // A run's stream. One row is one frame, or a batch of deltas that share their head: seq to seq_last.
  `create table run_events (
    organization_id text not null,
    run_id text not null,
    seq bigint not null,
    seq_last bigint not null,
    payload json not null,
    created_at timestamptz not null default now(),
    primary key (organization_id, run_id, seq),
    foreign key (organization_id, run_id) references runs on delete cascade
  )`,

  // A scope's open approval request. The answer's admission, a cancel or a reset deletes it.
  `create table open_approvals (
    organization_id text not null,
    conversation_id text not null,
    message_id text not null,
    run_id text not null,
    step_id text not null,
    calls jsonb not null,
    client_tools jsonb not null,
    created_at timestamptz not null default now(),
    primary key (organization_id, conversation_id)
  )`,
  `create index open_approvals_by_run on open_approvals (organization_id, run_id)`,

  `create table idempotency_keys (
    organization_id text not null,
    conversation_id text not null,
    key text not null,
    run_id text not null,
    request_hash text not null,
    created_at timestamptz not null default now(),
    primary key (organization_id, conversation_id, key)
  )`,
  `create index idempotency_keys_by_key on idempotency_keys (organization_id, key)`,
  `create index idempotency_keys_by_age on idempotency_keys (created_at)`,

  `create table steps (
    organization_id text not null,
    id text not null,
    run_id text,
    agent_id text not null,
    conversation_id text not null,
    index integer not null,
    status text not null default 'pending',
    phase text not null default 'started',
    attempt integer not null default 1,
    provider_name text,
    provider_category text,
    model text,
    model_handle text,
    model_endpoint text,
    context_window_limit integer,
    prompt_tokens integer not null default 0,
    completion_tokens integer not null default 0,
    total_tokens integer not null default 0,
    cached_input_tokens integer,
    cache_write_tokens integer,
    reasoning_tokens integer,
    prompt_tokens_details jsonb,
    completion_tokens_details jsonb,
    reply jsonb,
    stop_reason text,
    tags jsonb not null default '[]',
    tid text,
    trace_id text,
    request_id text,
    feedback text,
    error_type text,
    error_data jsonb,
    project_id text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, run_id) references runs on delete set null (run_id)
  )`,
  `create unique index steps_of_run on steps (organization_id, run_id, index) where run_id is not null`,
  `create index steps_by_creation on steps (organization_id, created_at desc, id desc)`,
  `create index steps_by_agent on steps (organization_id, agent_id, created_at desc, id desc)`,
  `create index steps_by_trace on steps (organization_id, trace_id) where trace_id is not null`,
  `create index steps_by_feedback on steps (organization_id, feedback, created_at desc) where feedback is not null`,
  `create index steps_by_tag on steps using gin (tags)`,
  `create table step_metrics (
    organization_id text not null,
    id text not null,
    run_id text,
    agent_id text not null,
    project_id text,
    base_template_id text,
    step_start_ns bigint,
    llm_request_start_ns bigint,
    llm_request_ns bigint,
    tool_execution_ns bigint,
    step_ns bigint,
    primary key (organization_id, id),
    foreign key (organization_id, id) references steps on delete cascade
  )`,

  // The ledger of tool calls: written as started before a tool touches the world.
  `create table tool_executions (
    organization_id text not null,
    step_id text not null,
    tool_call_id text not null,
    run_id text not null,
    tool_id text,
    name text not null,
    arguments text not null,
    execution_id text not null,
    state text not null,
    attempt integer not null default 1,
    result json,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    primary key (organization_id, step_id, tool_call_id)
  )`,
  `create index tool_executions_by_run on tool_executions (organization_id, run_id)`,

  `create table provider_traces (
    organization_id text not null,
    id text not null,
    step_id text,
    run_id text,
    agent_id text,
    call_type text not null,
    request_json json,
    response_json json,
    llm_config jsonb,
    created_at timestamptz not null default now(),
    primary key (organization_id, id)
  )`,
  `create index provider_traces_by_step on provider_traces (organization_id, step_id, created_at desc)`,
  `create index provider_traces_by_age on provider_traces (created_at)`,

  // Agents that work together; here: a foreground agent and the background agents that tend its memory.
  `create table groups (
    organization_id text not null,
    id text not null,
    manager_type text not null,
    manager_agent_id text,
    agent_ids jsonb not null default '[]',
    description text not null default '',
    project_id text,
    sleeptime_agent_frequency integer,
    turns_counter integer,
    last_processed_message_id text,
    max_turns integer,
    termination_token text,
    hidden boolean,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (organization_id, id)
  )`,
  // How far each conversation of the leader has been told to those who tend its memory. Numbers of messages rise within a
  // conversation, but not in the order of commits across them.
  `create table tended_scopes (
    organization_id text not null,
    group_id text not null,
    conversation_id text not null,
    up_to bigint not null,
    primary key (organization_id, group_id, conversation_id),
    foreign key (organization_id, group_id) references groups on delete cascade,
    foreign key (organization_id, conversation_id) references conversations on delete cascade
  )`,
  `create index groups_by_manager on groups (organization_id, manager_agent_id)`,

  `create table jobs (
    organization_id text not null,
    id text not null,
    user_id text not null,
    job_type text not null default 'job',
    status text not null default 'created',
    metadata jsonb,
    agent_id text,
    callback_url text,
    callback_sent_at timestamptz,
    callback_status_code integer,
    callback_error text,
    stop_reason text,
    background boolean,
    ttft_ns bigint,
    total_duration_ns bigint,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    completed_at timestamptz,
    created_by_id text,
    last_updated_by_id text,
    primary key (organization_id, id)
  )`,
  `create index jobs_by_user on jobs (organization_id, user_id, created_at desc, id desc)`,

  `create table batch_requests (
    organization_id text not null,
    job_id text not null,
    index integer not null,
    agent_id text not null,
    request jsonb not null,
    run_id text,
    error text,
    primary key (organization_id, job_id, index),
    foreign key (organization_id, job_id) references jobs on delete cascade
  )`,

  `create table schedules (
    organization_id text not null,
    id text not null,
    agent_id text not null,
    created_by_id text not null,
    timing jsonb not null,
    input jsonb not null,
    steps_max integer not null,
    return_types jsonb,
    callback_url text,
    next_at timestamptz,
    created_at timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, agent_id) references agents on delete cascade
  )`,
  `create index schedules_by_agent on schedules (organization_id, agent_id, created_at desc, id desc)`,

  // What `perdure doctor` has mended, and what was there before.
  `create table repairs (
    id bigint generated always as identity primary key,
    check_name text not null,
    subject text not null,
    text text not null,
    undo jsonb,
    repaired_at timestamptz not null default now(),
    undone_at timestamptz
  )`,

  // What one server must agree with itself on across restarts (the key that secrets are checked against, and such).
  `create table server_facts (
    name text primary key,
    value jsonb not null
  )`,
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of TABLES) await sql.raw(statement).execute(db)
}
