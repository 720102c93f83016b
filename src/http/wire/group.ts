import type { JsonObject } from '../../domain/json.ts'
import type { GroupRow } from '../../store/groups.ts'

/** A group as clients read it; what only other kinds of groups have is null. */
export function toWireGroup(row: GroupRow): JsonObject {
  return {
    id: row.id,
    manager_type: row.manager_type,
    agent_ids: row.agent_ids,
    description: row.description,
    project_id: row.project_id,
    template_id: null,
    base_template_id: null,
    deployment_id: null,
    shared_block_ids: [],
    manager_agent_id: row.manager_agent_id,
    termination_token: row.termination_token,
    max_turns: row.max_turns,
    sleeptime_agent_frequency: row.sleeptime_agent_frequency,
    turns_counter: row.turns_counter,
    last_processed_message_id: row.last_processed_message_id,
    max_message_buffer_length: null,
    min_message_buffer_length: null,
    hidden: row.hidden,
  }
}
