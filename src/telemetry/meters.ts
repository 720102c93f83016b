/**
 * What is counted and measured, under one name for every exporter. Durations are in seconds. `oldName` is what the old
 * server called it, in milliseconds where it is a duration: dashboards made for it go on working.
 */
export type Meter = {
  kind: 'counter' | 'histogram'
  about: string
  labels: readonly string[]
  unit?: 's'
  oldName?: string
}

export const METERS = {
  runs_admitted: {
    kind: 'counter',
    about: 'Runs taken in',
    labels: ['transport'],
    oldName: 'count_user_message',
  },
  admission_duration: {
    kind: 'histogram',
    unit: 's',
    about: 'From a request to the run that it is',
    labels: [],
    oldName: 'request_admission_wait_ms',
  },
  runs_ended: { kind: 'counter', about: 'Runs ended', labels: ['status', 'stop_reason'] },
  runs_reclaimed: { kind: 'counter', about: 'Runs taken over from a driver that was gone', labels: [] },
  runs_lost: {
    kind: 'counter',
    about: 'Runs that this process had to leave to another, or to a cancel',
    labels: [],
  },
  runs_crashed: { kind: 'counter', about: 'Runs ended by a bug', labels: [] },
  idempotent_replays: {
    kind: 'counter',
    about: 'Repeats of a request that got the first one’s run',
    labels: [],
  },
  run_duration: { kind: 'histogram', unit: 's', about: 'From admission to end', labels: ['status'] },
  time_to_first_token: {
    kind: 'histogram',
    unit: 's',
    about: 'From admission to the first piece of an answer',
    labels: [],
    oldName: 'hist_ttft_ms',
  },
  steps: { kind: 'counter', about: 'Steps ended', labels: ['status'] },
  step_duration: {
    kind: 'histogram',
    unit: 's',
    about: 'One model call with its tools and its commit',
    labels: [],
    oldName: 'hist_step_execution_time_ms',
  },
  model_call_duration: {
    kind: 'histogram',
    unit: 's',
    about: 'One call of a model',
    labels: ['provider', 'model'],
    oldName: 'hist_llm_execution_time_ms',
  },
  model_failures: {
    kind: 'counter',
    about: 'Calls of a model that failed',
    labels: ['model', 'failure', 'retried'],
  },
  tokens: {
    kind: 'counter',
    about: 'Tokens as the providers count them',
    labels: ['provider', 'model', 'type'],
  },
  tool_calls: {
    kind: 'counter',
    about: 'Tool calls ended',
    labels: ['tool', 'failed'],
    oldName: 'count_tool_execution',
  },
  tool_duration: {
    kind: 'histogram',
    unit: 's',
    about: 'One tool call',
    labels: ['tool'],
    oldName: 'hist_tool_execution_time_ms',
  },
  compactions: { kind: 'counter', about: 'Contexts compacted', labels: ['trigger'] },
  callbacks: { kind: 'counter', about: 'Tries to deliver a callback', labels: ['outcome'] },
  credits_denied: { kind: 'counter', about: 'Steps without credit', labels: ['enforced'] },
  database_troubles: { kind: 'counter', about: 'Statements that the database did not do', labels: [] },
  run_lease_expired: { kind: 'counter', about: 'Leases that this process has lost', labels: [] },
  jobs_failed: { kind: 'counter', about: 'Jobs of the queue that failed', labels: ['queue'] },
  requests: {
    kind: 'counter',
    about: 'HTTP requests answered',
    labels: ['method', 'route', 'status'],
    oldName: 'count_endpoint_requests',
  },
  request_duration: {
    kind: 'histogram',
    unit: 's',
    about: 'From a request to its answer; of a stream, to its headers',
    labels: ['method', 'route'],
    oldName: 'hist_endpoint_e2e_ms',
  },
} as const satisfies Record<string, Meter>

export type MeterName = keyof typeof METERS

/** What is read when it is asked for. */
export type Gauge = { about: string; labels: readonly string[]; oldName?: string }

export const GAUGES = {
  runs_active: {
    about: 'Runs of the whole database that have not ended, by where they stand',
    labels: ['status'],
  },
  approvals_open: { about: 'Approval requests that wait for their answer', labels: [] },
  turn_queue_depth: { about: 'Runs that wait for the turn of their conversation', labels: [] },
  run_event_log_bytes: { about: 'Room that the streams of runs take in the database', labels: [] },
  runs_driven_foreground: {
    about: 'Runs that this process drives while their callers wait',
    labels: [],
    oldName: 'in_flight_foreground',
  },
  runs_driven_background: {
    about: 'Other runs that this process drives',
    labels: [],
    oldName: 'in_flight_background',
  },
  event_loop_lag_milliseconds: {
    about: 'The longest delay of the event loop in the last second',
    labels: [],
    oldName: 'event_loop_lag_ms',
  },
  readiness_state: {
    about: 'Whether the server should be sent work: 1 at the state that it is in',
    labels: ['reason'],
    oldName: 'readiness_state',
  },
  run_slots: { about: 'Runs that this process can drive at once', labels: [] },
  streams_open: { about: 'Readers that follow a run here', labels: [], oldName: 'sse_active_sessions' },
  jobs_queued: { about: 'Jobs of the queue that are due or retried', labels: ['queue'] },
  job_lag_seconds: { about: 'How long the oldest job that is due has waited', labels: ['queue'] },
  database_connections: { about: 'Connections of the pool', labels: ['state'], oldName: 'db_pool_in_use' },
  database_waiters: {
    about: 'Statements that wait for a connection',
    labels: [],
    oldName: 'db_pool_waiters',
  },
} as const satisfies Record<string, Gauge>

export type GaugeName = keyof typeof GAUGES

export type Measurement = { meter: MeterName; value: number; labels: Record<string, string> }
export type Reading = { gauge: GaugeName; value: number; labels: Record<string, string> }
