import type { JsonObject } from '../domain/json.ts'
import type { ToolRule } from '../domain/tool.ts'

/** A call that was made in this turn, oldest first, with what it returned. */
export type CalledTool = { name: string; output: string }

type RuleOf<Type extends ToolRule['type']> = Extract<ToolRule, { type: Type }>

/** How one kind of rule behaves. What a kind does not do, it leaves out. */
type Behaviour<Rule> = {
  /** The tools that may be called now, of those that there are. */
  allows?(rule: Rule, available: string[], history: CalledTool[]): string[]
  /** Whether the model must call a tool now. */
  forces?(rule: Rule, history: CalledTool[]): boolean
  /** Arguments that the rule gives to a tool now. */
  prefills?(rule: Rule, tool: string, history: CalledTool[]): JsonObject | null | undefined
  /** What the model is told of the rule. */
  says?(rule: Rule): string
}

/** One entry per rule type; the compiler asks for a new one when `ToolRule` grows. */
const BEHAVIOURS: { [Type in ToolRule['type']]: Behaviour<RuleOf<Type>> } = {
  run_first: {
    prefills: (rule, tool, history) => (history.length === 0 && tool === rule.tool_name ? rule.args : null),
  },
  constrain_child_tools: {
    allows: (rule, available, history) =>
      isLast(rule.tool_name, history) ? available.filter((tool) => rule.children.includes(tool)) : available,
    forces: (rule, history) => isLast(rule.tool_name, history),
    prefills: (rule, tool, history) =>
      isLast(rule.tool_name, history) ? rule.child_arg_nodes?.find((node) => node.name === tool)?.args : null,
    says: (rule) => `After ${rule.tool_name} you must call one of: ${rule.children.join(', ')}.`,
  },
  parent_last_tool: {
    allows: (rule, available, history) =>
      available.filter((tool) => rule.children.includes(tool) === isLast(rule.tool_name, history)),
    forces: (rule, history) => isLast(rule.tool_name, history),
    says: (rule) => `${rule.children.join(', ')} can be called only right after ${rule.tool_name}.`,
  },
  conditional: {
    allows: (rule, available, history) =>
      isLast(rule.tool_name, history) ? conditionalChildren(rule, available, history) : available,
    forces: (rule, history) => isLast(rule.tool_name, history),
    says: (rule) => {
      const cases = Object.entries(rule.child_output_mapping).map(([output, child]) => `${output} → ${child}`)
      const rest = rule.default_child ? `; otherwise ${rule.default_child}` : ''
      return `What follows ${rule.tool_name} depends on its result: ${cases.join('; ')}${rest}.`
    },
  },
  max_count_per_step: {
    allows: (rule, available, history) =>
      countOf(rule.tool_name, history) >= rule.max_count_limit
        ? available.filter((tool) => tool !== rule.tool_name)
        : available,
    says: (rule) => `${rule.tool_name} can be called at most ${rule.max_count_limit} times in one response.`,
  },
  exit_loop: { says: (rule) => `Calling ${rule.tool_name} ends your response.` },
  continue_loop: { says: (rule) => `After calling ${rule.tool_name} you go on with your response.` },
  required_before_exit: {},
  requires_approval: {},
}

/** The order in which rules are told to the model. */
const TOLD_ORDER: ToolRule['type'][] = [
  'continue_loop',
  'constrain_child_tools',
  'conditional',
  'max_count_per_step',
  'parent_last_tool',
  'exit_loop',
]

export type ToolDecision = {
  /** Names that may be called, in the order of `available`. */
  allowed: string[]
  /** The model must call one of them. */
  forced: boolean
  /** Arguments that win over the model's, by tool, with the rule that they come from. */
  prefilled: Map<string, { args: JsonObject; source: string }>
}

/**
 * Which tools the model may call now. `history`: this turn's calls, also those before an approval. Rules that name a tool
 * which is not there restrict nothing; rules that leave nothing leave nothing (and never silently everything).
 */
export function decideTools(rules: ToolRule[], available: string[], history: CalledTool[]): ToolDecision {
  const live = rules.flatMap((rule) => liveRule(rule, available) ?? [])
  const first = live.filter((rule) => rule.type === 'run_first').map((rule) => rule.tool_name)
  const starts = history.length === 0 && first.length > 0
  const allowed = starts
    ? available.filter((tool) => first.includes(tool))
    : live.reduce((tools, rule) => behaviourOf(rule).allows?.(rule, tools, history) ?? tools, available)
  return {
    allowed,
    forced: starts || live.some((rule) => behaviourOf(rule).forces?.(rule, history) ?? false),
    prefilled: prefillsOf(live, allowed, history),
  }
}

/** What of a rule is about tools that there are; null: nothing. */
function liveRule(rule: ToolRule, available: string[]): ToolRule | null {
  const isThere = (tool: string) => available.includes(tool)
  if (!isThere(rule.tool_name)) return null
  if (rule.type === 'constrain_child_tools' || rule.type === 'parent_last_tool')
    return rule.children.some(isThere) ? rule : null
  if (rule.type !== 'conditional') return rule
  const mapped = Object.entries(rule.child_output_mapping).filter(([, child]) => isThere(child))
  const other = rule.default_child && isThere(rule.default_child) ? rule.default_child : null
  if (mapped.length === 0 && other === null) return null
  return { ...rule, child_output_mapping: Object.fromEntries(mapped), default_child: other }
}

function prefillsOf(rules: ToolRule[], allowed: string[], history: CalledTool[]): ToolDecision['prefilled'] {
  const prefilled: ToolDecision['prefilled'] = new Map()
  for (const tool of allowed) {
    for (const rule of rules) {
      const args = behaviourOf(rule).prefills?.(rule, tool, history)
      if (!args) continue
      const before = prefilled.get(tool)?.args
      prefilled.set(tool, { args: { ...before, ...args }, source: `${rule.type} of ${rule.tool_name}` })
    }
  }
  return prefilled
}

/** What a model reads that called a tool which it may not call now. Clients match on the beginning. */
export function violationText(
  tool: string,
  decision: ToolDecision,
  rules: ToolRule[],
  history: CalledTool[],
): string {
  const names = decision.allowed.map((name) => `'${name}'`).join(', ')
  const last = history.at(-1)?.name
  const hints = rules
    .filter((rule) => mentions(rule, tool) || (last !== undefined && rule.tool_name === last))
    .flatMap((rule) => textOfRule(rule) ?? [])
  const tail =
    hints.length > 0
      ? `\n** Hint: Possible rules that were violated:\n${hints.map((hint) => `\t- ${hint}`).join('\n')}`
      : ''
  return `[ToolConstraintError] Cannot call ${tool}, valid tools include: [${names}].${tail}`
}

/** The rules as the prompt tells them, one element each; null: there is nothing to tell. */
export function renderRules(rules: ToolRule[]): string | null {
  const told = TOLD_ORDER.flatMap((type) =>
    rules.filter((rule) => rule.type === type).flatMap((rule) => textOfRule(rule) ?? []),
  )
  if (told.length === 0) return null
  const elements = told.map((text) => `<tool_rule>\n${text}\n</tool_rule>`)
  const intro = 'These rules say which tools you may call when, and what a call means for your response.'
  return `<tool_usage_rules>\n${intro}\n\n${elements.join('\n')}\n</tool_usage_rules>`
}

export function needsApproval(rules: ToolRule[], tool: string): boolean {
  return rules.some((rule) => rule.type === 'requires_approval' && rule.tool_name === tool)
}

export function endsLoop(rules: ToolRule[], tool: string): boolean {
  return rules.some((rule) => rule.type === 'exit_loop' && rule.tool_name === tool)
}

/** Rules after whose tool the turn goes on, by what they say or by the choice that they make next. */
const EXPECT_NEXT = new Set<ToolRule['type']>(['continue_loop', 'constrain_child_tools', 'conditional'])

export function expectsNext(rules: ToolRule[], tool: string): boolean {
  return rules.some((rule) => EXPECT_NEXT.has(rule.type) && rule.tool_name === tool)
}

/** Tools that must still be called before the turn may end, in the order of the rules. */
export function outstandingTools(rules: ToolRule[], available: string[], called: string[]): string[] {
  return rules
    .filter((rule) => rule.type === 'required_before_exit')
    .map((rule) => rule.tool_name)
    .filter((tool) => available.includes(tool) && !called.includes(tool))
}

/** The table is keyed by the rule's own type, so the pair always fits; TypeScript cannot see that. */
function behaviourOf(rule: ToolRule): Behaviour<ToolRule> {
  return BEHAVIOURS[rule.type] as Behaviour<ToolRule>
}

function textOfRule(rule: ToolRule): string | undefined {
  return behaviourOf(rule).says?.(rule)
}

function mentions(rule: ToolRule, tool: string): boolean {
  if (rule.tool_name === tool) return true
  return 'children' in rule && rule.children.includes(tool)
}

function isLast(tool: string, history: CalledTool[]): boolean {
  return history.at(-1)?.name === tool
}

function countOf(tool: string, history: CalledTool[]): number {
  return history.filter(({ name }) => name === tool).length
}

function conditionalChildren(
  rule: RuleOf<'conditional'>,
  available: string[],
  history: CalledTool[],
): string[] {
  const output = history.at(-1)?.output ?? ''
  const match = Object.entries(rule.child_output_mapping).find(([key]) => keyMatches(key, output))
  const child = match?.[1] ?? rule.default_child
  if (child) return available.filter((tool) => tool === child)
  return rule.require_output_mapping ? [] : available
}

/** Keys are strings on the wire, whatever they meant: booleans match in any case, numbers by value, the rest exactly. */
function keyMatches(key: string, output: string): boolean {
  if (key === output) return true
  if (/^(true|false)$/i.test(key)) return key.toLowerCase() === output.trim().toLowerCase()
  const number = Number(key)
  return key.trim() !== '' && Number.isFinite(number) && output.trim() !== '' && Number(output) === number
}
