import type { Selectable } from 'kysely'
import type { Json, JsonObject } from '../../domain/json.ts'
import type { RunMetricsTable, StepMetricsTable } from '../../store/schema.ts'
import type { StepRow, TraceRow } from '../../store/step-lists.ts'

export function toWireStep(step: StepRow): JsonObject {
  return {
    id: step.id,
    origin: null,
    organization_id: step.organization_id,
    provider_id: null,
    run_id: step.run_id,
    agent_id: step.agent_id,
    provider_name: step.provider_name,
    provider_category: step.provider_category,
    model: step.model,
    model_handle: step.model_handle,
    model_endpoint: step.model_endpoint,
    context_window_limit: step.context_window_limit,
    completion_tokens: step.completion_tokens,
    prompt_tokens: step.prompt_tokens,
    total_tokens: step.total_tokens,
    cached_input_tokens: step.cached_input_tokens,
    cache_write_tokens: step.cache_write_tokens,
    reasoning_tokens: step.reasoning_tokens,
    completion_tokens_details: step.completion_tokens_details,
    prompt_tokens_details: step.prompt_tokens_details,
    stop_reason: step.stop_reason,
    tags: step.tags,
    tid: step.tid,
    trace_id: step.trace_id,
    request_id: step.request_id,
    messages: [],
    feedback: step.feedback,
    project_id: step.project_id,
    error_type: step.error_type,
    error_data: step.error_data,
    status: step.status,
  }
}

export function toWireStepMetrics(metrics: Selectable<StepMetricsTable>): JsonObject {
  return {
    id: metrics.id,
    organization_id: metrics.organization_id,
    provider_id: null,
    run_id: metrics.run_id,
    agent_id: metrics.agent_id,
    step_start_ns: metrics.step_start_ns,
    llm_request_start_ns: metrics.llm_request_start_ns,
    llm_request_ns: metrics.llm_request_ns,
    tool_execution_ns: metrics.tool_execution_ns,
    step_ns: metrics.step_ns,
    base_template_id: metrics.base_template_id,
    template_id: null,
    project_id: metrics.project_id,
  }
}

export function toWireRunMetrics(metrics: Selectable<RunMetricsTable>): JsonObject {
  return {
    id: metrics.id,
    organization_id: metrics.organization_id,
    agent_id: metrics.agent_id,
    project_id: metrics.project_id,
    run_start_ns: metrics.run_start_ns,
    run_ns: metrics.run_ns,
    num_steps: metrics.num_steps,
    tools_used: metrics.tools_used,
    template_id: metrics.template_id,
    base_template_id: metrics.base_template_id,
  }
}

export function toWireTrace(trace: TraceRow): JsonObject {
  return {
    created_by_id: trace.created_by_id,
    last_updated_by_id: trace.created_by_id,
    created_at: trace.created_at,
    updated_at: trace.created_at,
    id: trace.id,
    request_json: trace.request_json,
    response_json: trace.response_json,
    step_id: trace.step_id,
    agent_id: trace.agent_id,
    agent_tags: trace.agent_tags,
    call_type: trace.call_type,
    run_id: trace.run_id,
    source: null,
    org_id: trace.organization_id,
    user_id: trace.created_by_id,
    compaction_settings: null,
    llm_config: trace.llm_config as unknown as Json,
    billing_context: null,
  }
}
