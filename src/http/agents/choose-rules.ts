import { defaultToolRules } from '../../domain/agent-defaults.ts'
import type { LlmConfig } from '../../domain/model.ts'
import type { ToolRule } from '../../domain/tool.ts'
import type { ToolRow } from '../../store/tools.ts'
import type { CreateAgent } from '../schemas/agent-input.ts'

/** A new agent's rules: those that it asks for, those of its kind, and an approval for each tool that wants one. */
export function chooseRules(body: CreateAgent, config: LlmConfig, tools: ToolRow[]): ToolRule[] {
  const given = body.tool_rules ?? []
  const names = tools.map((tool) => tool.name)
  const ofKind = wantsBaseRules(body, config) ? defaultToolRules(names) : []
  const approvals = tools
    .filter((tool) => tool.default_requires_approval)
    .map((tool) => ({ type: 'requires_approval' as const, tool_name: tool.name }))
  return [...ofKind, ...approvals, ...given].filter(isFirst)
}

/** One rule of a type for a tool is enough, unless rules differ in what they say. */
function isFirst(rule: ToolRule, index: number, rules: ToolRule[]): boolean {
  return rules.findIndex((other) => JSON.stringify(sorted(other)) === JSON.stringify(sorted(rule))) === index
}

function sorted(rule: ToolRule): [string, unknown][] {
  return Object.entries(rule)
    .filter(([, value]) => value !== null)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** Models that end their turns well by themselves. */
const NEEDS_NO_RULES = /claude-4-sonnet|claude-3-5-sonnet|gpt-5|gemini-2\.5-pro/

function wantsBaseRules(body: CreateAgent, config: LlmConfig): boolean {
  if (typeof body.include_base_tool_rules === 'boolean') return body.include_base_tool_rules
  const isBare = body.agent_type === 'letta_v1_agent' && body.include_base_tools && !body.tool_rules
  if (isBare) return false
  const isGood = NEEDS_NO_RULES.test(config.model) && !config.model.includes('mini')
  return !(isGood && body.agent_type !== 'sleeptime_agent')
}
