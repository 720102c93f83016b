import type { JsonObject } from '../../domain/json.ts'
import type { Conversation } from '../../store/conversations.ts'
import { toWireSettings } from './model-settings.ts'

export function toWireConversation(conversation: Conversation): JsonObject {
  return {
    created_by_id: conversation.created_by_id,
    last_updated_by_id: conversation.last_updated_by_id,
    created_at: conversation.created_at,
    updated_at: conversation.updated_at,
    id: conversation.id,
    agent_id: conversation.agent_id,
    summary: conversation.summary,
    in_context_message_ids: conversation.contextIds,
    isolated_block_ids: conversation.isolatedIds,
    model: conversation.model,
    model_settings: conversation.model_settings && toWireSettings(conversation.model_settings),
    last_message_at: conversation.last_message_at,
    ...(conversation.message_policy !== null && { message_policy: conversation.message_policy }),
  }
}
