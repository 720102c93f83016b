import { createHash } from 'node:crypto'
import type { PromptedAgent, Scope } from '../../domain/agent.ts'
import { formatLocalTime } from '../../domain/local-time.ts'
import type { Block } from '../../domain/memory.ts'
import { charCount } from '../../lib/cut.ts'
import { renderRules } from '../tool-rules.ts'

export type PromptInput = {
  agent: PromptedAgent
  scope: Scope
  /** When the text counts as compiled. */
  now: Date
}

/** `basis` changes exactly when something other than the metadata section would. */
export type CompiledPrompt = { text: string; basis: string }

const MEMORY_MARK = '{CORE_MEMORY}'

/**
 * The system message: the agent's template with its memory in the place of the mark (or behind it), then the metadata.
 * The same function for every reader: first message, each step, previews, conversations.
 */
export function compilePrompt(input: PromptInput): CompiledPrompt {
  const memory = memorySections(input.agent)
  const { system } = input.agent
  const body = system.includes(MEMORY_MARK)
    ? system.split(MEMORY_MARK).join(memory)
    : [system, memory].filter((text) => text !== '').join('\n\n')
  return { text: `${body}\n\n${metadataSection(input)}`, basis: promptBasis(input.agent) }
}

/** A short name for everything that the memory sections and the template depend on. */
export function promptBasis(agent: PromptedAgent): string {
  const facts = [
    agent.system,
    agent.agentType,
    agent.config.model_endpoint_type,
    JSON.stringify(agent.toolRules),
    ...agent.blocks.map((block) => `${block.id}@${block.version}:${block.label}`),
  ]
  return createHash('sha256').update(facts.join('\u0000')).digest('base64url').slice(0, 24)
}

function memorySections(agent: PromptedAgent): string {
  return [blocksSection(agent), renderRules(agent.toolRules)].filter((text) => text !== null).join('\n\n')
}

const NO_BLOCKS = new Set(['react_agent', 'workflow_agent'])

function blocksSection(agent: PromptedAgent): string | null {
  if (NO_BLOCKS.has(agent.agentType) || agent.blocks.length === 0) return null
  const numbered = showsLineNumbers(agent)
  const intro =
    'These blocks are your core memory. They are always in front of you; edit them with your memory tools.'
  const blocks = agent.blocks.map((block) => renderBlock(block, numbered))
  return `<memory_blocks>\n${intro}\n\n${blocks.join('\n\n')}\n\n</memory_blocks>`
}

const NUMBERED_TYPES = new Set(['sleeptime_agent', 'memgpt_v2_agent', 'letta_v1_agent'])

/** Claude edits by line; it is shown the numbers. */
function showsLineNumbers(agent: PromptedAgent): boolean {
  return agent.config.model_endpoint_type === 'anthropic' && NUMBERED_TYPES.has(agent.agentType)
}

function renderBlock(block: Block, numbered: boolean): string {
  const warning = numbered ? `<warning>\n${LINE_NUMBER_WARNING}\n</warning>\n` : ''
  return [
    `<${block.label}>`,
    `<description>\n${block.description ?? ''}\n</description>`,
    `<metadata>${block.readOnly ? '\n- read_only=true' : ''}\n- chars_current=${charCount(block.value)}\n- chars_limit=${block.limit}\n</metadata>`,
    `${warning}<value>\n${numbered ? numberLines(block.value) : block.value}\n</value>`,
    `</${block.label}>`,
  ].join('\n')
}

/** Part of what the memory tools refuse in an argument: a model that copies what it sees. */
export const LINE_NUMBER_WARNING =
  '# NOTE: Line numbers are shown to help you when editing. They are not part of the memory; do not include them in edits.'

function numberLines(value: string): string {
  if (value === '') return ''
  return value
    .split('\n')
    .map((line, index) => `${index + 1}→ ${line}`)
    .join('\n')
}

function metadataSection({ agent, scope, now }: PromptInput): string {
  const earlier = Math.max(0, scope.messageCount - scope.contextLength)
  return [
    '<memory_metadata>',
    `- AGENT_ID: ${agent.id}`,
    `- CONVERSATION_ID: ${scope.isDefault ? 'default' : scope.conversationId}`,
    `- System prompt last recompiled: ${formatLocalTime(now, agent.timezone)}`,
    `- ${earlier} previous messages between you and the user are stored in recall memory (use tools to access them)`,
    '</memory_metadata>',
  ].join('\n')
}
