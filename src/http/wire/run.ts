import type { JsonObject } from '../../domain/json.ts'
import type { Run } from '../../domain/run.ts'

/** A run as clients see it. The default conversation is a real one inside, and null here. */
export function toWireRun(run: Run): JsonObject {
  return {
    id: run.id,
    status: run.status,
    created_at: run.createdAt,
    completed_at: run.completedAt,
    agent_id: run.agentId,
    conversation_id: run.inDefaultConversation ? null : run.conversationId,
    base_template_id: run.baseTemplateId,
    background: run.background,
    metadata: run.metadata,
    request_config: run.requestConfig,
    stop_reason: run.stopReason,
    callback_url: run.callbackUrl,
    callback_sent_at: run.callbackSentAt,
    callback_status_code: run.callbackStatusCode,
    callback_error: run.callbackError,
    ttft_ns: run.ttftNs,
    total_duration_ns: run.totalDurationNs,
  }
}
