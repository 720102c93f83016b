import type { JsonObject } from '../../domain/json.ts'
import type { Target } from '../../store/scopes.ts'
import type { ContextOverview } from '../../worker/context-overview.ts'
import { toWireStoredMessage } from './stored-message.ts'

const tokensOf = (text: string | null) => (text === null ? 0 : Math.ceil(Buffer.byteLength(text) / 4))

export function toWireOverview(overview: ContextOverview, target: Target): JsonObject {
  const { sections, tokens, system } = overview
  const external = sections.metadata ?? ''
  const systemTokens = tokensOf(system)
  const current =
    systemTokens +
    tokensOf(sections.memory) +
    tokensOf(sections.rules) +
    tokensOf(external) +
    tokens.messages +
    tokens.tools
  return {
    context_window_size_max: overview.windowMax,
    context_window_size_current: current,
    num_messages: overview.messages.length,
    num_archival_memory: 0,
    num_recall_memory: overview.storedCount,
    num_tokens_external_memory_summary: tokensOf(external),
    external_memory_summary: external,
    num_tokens_system: systemTokens,
    system_prompt: system,
    num_tokens_core_memory: tokensOf(sections.memory),
    core_memory: sections.memory ?? '',
    num_tokens_memory_filesystem: 0,
    memory_filesystem: null,
    num_tokens_tool_usage_rules: tokensOf(sections.rules),
    tool_usage_rules: sections.rules,
    num_tokens_directories: tokensOf(sections.directories),
    directories: sections.directories,
    num_tokens_summary_memory: 0,
    summary_memory: null,
    num_tokens_functions_definitions: tokens.tools,
    functions_definitions: overview.tools.map((tool) => ({
      type: 'function',
      function: { name: tool.name, description: tool.description, parameters: tool.parameters, strict: null },
    })),
    num_tokens_messages: tokens.messages,
    messages: overview.messages.map((message) =>
      toWireStoredMessage(message, {
        agentId: target.agentId,
        agentModel: target.config.model,
        conversationId: target.isDefault ? null : target.conversationId,
        createdById: (message.runId && overview.askers.get(message.runId)) || null,
      }),
    ),
  }
}
