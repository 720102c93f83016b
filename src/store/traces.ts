import type { AgentId, OrganizationId, RunId, StepId } from '../domain/id.ts'
import { newId } from '../domain/id.ts'
import type { LlmConfig, ModelTrace } from '../domain/model.ts'

/** The row of what went to a provider and came back. NUL, which the database cannot hold, is left out. */
export function traceValues(
  trace: ModelTrace,
  of: {
    organizationId: OrganizationId
    agentId: AgentId
    runId: RunId
    stepId: StepId | null
    config: LlmConfig
  },
) {
  return {
    organization_id: of.organizationId,
    id: newId('provider_trace'),
    step_id: of.stepId,
    run_id: of.runId,
    agent_id: of.agentId,
    call_type: 'agent_step',
    request_json: storable(trace.request),
    response_json: storable(trace.response),
    llm_config: storable(of.config),
  }
}

function storable(value: unknown): string {
  return JSON.stringify(value ?? null)
    .replaceAll('\\u0000', '')
    .toWellFormed()
}
