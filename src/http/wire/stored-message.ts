import { packToolReturn } from '../../domain/envelope.ts'
import type { AgentId, ConversationId, UserId } from '../../domain/id.ts'
import type { JsonObject } from '../../domain/json.ts'
import {
  type AssistantPart,
  type Message,
  type Role,
  type ToolCall,
  type ToolReturn,
  toolCallsOf,
} from '../../domain/message.ts'
import { toWireAnswers } from './message.ts'
import { toWireResultParts, toWireUserParts } from './parts.ts'

/** What a message does not say of itself. */
export type StoredAt = {
  agentId: AgentId
  /** The agent's model: it stands at the system message, which no model wrote. */
  agentModel: string
  /** Null: the agent's default conversation. */
  conversationId: ConversationId | null
  /** Who asked for the run that stored it. */
  createdById: UserId | null
}

/** A message as it is stored, not as it is shown: always one object, in the form of the old server's rows. */
export function toWireStoredMessage(message: Message, at: StoredAt): JsonObject {
  const calls = toolCallsOf(message).map(toWireFunctionCall)
  return {
    created_by_id: at.createdById,
    last_updated_by_id: at.createdById,
    created_at: message.createdAt,
    // Only the system message, which no run stores, is ever written again.
    updated_at: message.runId === null ? null : message.createdAt,
    id: message.id,
    agent_id: at.agentId,
    model: message.role === 'system' ? at.agentModel : message.model,
    role: ROLES[message.role],
    content: contentOf(message),
    name: message.name,
    tool_calls: calls.length > 0 ? calls : null,
    tool_call_id: message.role === 'tool' ? (message.returns[0]?.callId ?? null) : null,
    step_id: message.stepId,
    run_id: message.runId,
    otid: message.otid,
    tool_returns: message.role === 'tool' ? message.returns.map(toWireStoredReturn) : [],
    group_id: message.groupId,
    sender_id: message.senderId,
    batch_item_id: null,
    conversation_id: at.conversationId,
    is_err: message.isErr || null,
    ...decisionOf(message),
  }
}

const ROLES: Record<Role, string> = {
  system: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
  approval_request: 'approval',
  approval_response: 'approval',
  summary: 'summary',
}

function contentOf(message: Message): JsonObject[] {
  switch (message.role) {
    case 'user':
      return toWireUserParts(message.content, message.id)
    case 'tool':
      return message.returns.flatMap(contentOfReturn)
    case 'approval_response':
      return []
    default:
      return message.content.map(toWireStoredPart)
  }
}

function contentOfReturn(result: ToolReturn): JsonObject[] {
  if (Array.isArray(result.output)) return toWireResultParts(result.output)
  return [{ type: 'text', text: packToolReturn(result), signature: null }]
}

function toWireStoredPart(part: AssistantPart): JsonObject {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text, signature: part.signature ?? null }
    case 'reasoning':
      return {
        type: 'reasoning',
        is_native: part.isNative,
        reasoning: part.reasoning,
        signature: part.signature ?? null,
      }
    case 'redacted_reasoning':
      return { type: 'redacted_reasoning', data: part.data }
    case 'omitted_reasoning':
      return { type: 'omitted_reasoning', signature: part.signature ?? null }
    case 'summarized_reasoning':
      return {
        type: 'summarized_reasoning',
        id: part.id,
        summary: part.summary.map((text, index) => ({ index, text })),
        encrypted_content: part.encryptedContent ?? null,
      }
  }
}

function toWireFunctionCall(call: ToolCall): JsonObject {
  return { id: call.id, function: { arguments: call.arguments, name: call.name }, type: 'function' }
}

function toWireStoredReturn(result: ToolReturn): JsonObject {
  return {
    tool_call_id: result.callId,
    status: result.status,
    stdout: result.stdout,
    stderr: result.stderr,
    func_response: Array.isArray(result.output) ? toWireResultParts(result.output) : packToolReturn(result),
  }
}

/** The single fields are from the time when a request had one call. */
function decisionOf(message: Message): JsonObject {
  if (message.role !== 'approval_response') {
    const approvals = message.runId === null ? null : []
    return { approval_request_id: null, approve: null, denial_reason: null, approvals }
  }
  const { reason, ...answers } = toWireAnswers(message.answers)
  return { ...answers, denial_reason: reason }
}
