import type { Job } from '../../domain/job.ts'
import type { JsonObject } from '../../domain/json.ts'

export function toWireJob(job: Job): JsonObject {
  return {
    created_by_id: job.userId,
    last_updated_by_id: job.userId,
    created_at: job.createdAt,
    updated_at: job.updatedAt,
    status: job.status,
    completed_at: job.completedAt,
    stop_reason: null,
    metadata: job.metadata,
    job_type: job.jobType,
    background: null,
    agent_id: job.agentId,
    callback_url: job.callbackUrl,
    callback_sent_at: job.callbackSentAt,
    callback_status_code: job.callbackStatusCode,
    callback_error: job.callbackError,
    ttft_ns: null,
    total_duration_ns: null,
    id: job.id,
    user_id: job.userId,
  }
}
