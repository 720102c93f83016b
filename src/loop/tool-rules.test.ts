import { describe, expect, it } from 'vitest'
import type { ToolRule } from '../domain/tool.ts'
import { type CalledTool, decideTools, expectsNext, outstandingTools, renderRules } from './tool-rules.ts'

const TOOLS = ['a', 'b', 'c', 'd']

function called(...calls: (string | [name: string, output: string])[]): CalledTool[] {
  return calls.map((call) =>
    typeof call === 'string' ? { name: call, output: '' } : { name: call[0], output: call[1] },
  )
}

function decide(rules: ToolRule[], history: CalledTool[] = []) {
  const { allowed, forced } = decideTools(rules, TOOLS, history)
  return { allowed: allowed.join(''), forced }
}

const runFirst: ToolRule = { type: 'run_first', tool_name: 'a' }
const children: ToolRule = { type: 'constrain_child_tools', tool_name: 'a', children: ['b', 'c'] }
const parent: ToolRule = { type: 'parent_last_tool', tool_name: 'a', children: ['b'] }
const twice: ToolRule = { type: 'max_count_per_step', tool_name: 'a', max_count_limit: 2 }

describe('what may be called', () => {
  it.each<[string, ToolRule[], CalledTool[], { allowed: string; forced: boolean }]>([
    ['everything, without rules', [], [], { allowed: 'abcd', forced: false }],
    ['run_first: it alone, and it must be', [runFirst], [], { allowed: 'a', forced: true }],
    ['run_first, then ordinary tools', [runFirst], called('a'), { allowed: 'abcd', forced: false }],
    ['a child, right after its parent', [children], called('a'), { allowed: 'bc', forced: true }],
    ['anything, later than that', [children], called('a', 'b'), { allowed: 'abcd', forced: false }],
    ['all but the child, before its parent', [parent], [], { allowed: 'acd', forced: false }],
    ['only the child, right after its parent', [parent], called('a'), { allowed: 'b', forced: true }],
    ['max_count 2: it is offered twice', [twice], called('a'), { allowed: 'abcd', forced: false }],
    ['… and not a third time', [twice], called('a', 'b', 'a'), { allowed: 'bcd', forced: false }],
    [
      '12: empty intersection offers nothing',
      [children, parent, { type: 'max_count_per_step', tool_name: 'b', max_count_limit: 0 }],
      called('a'),
      { allowed: '', forced: true },
    ],
    [
      'a rule of a tool that is not there restricts nothing',
      [{ ...runFirst, tool_name: 'gone' }],
      [],
      { allowed: 'abcd', forced: false },
    ],
    [
      'nor does one of whose children none is there',
      [{ ...children, children: ['gone'] }],
      called('a'),
      { allowed: 'abcd', forced: false },
    ],
    [
      'nor one that maps to tools that are not there',
      [
        {
          type: 'conditional',
          tool_name: 'a',
          child_output_mapping: { x: 'gone' },
          default_child: 'gone',
          require_output_mapping: true,
        },
      ],
      called('a'),
      { allowed: 'abcd', forced: false },
    ],
  ])('%s', (_, rules, history, expected) => {
    expect(decide(rules, history)).toEqual(expected)
  })

  it('a child whose parent is not there can be called at any time', () => {
    expect(decide([{ type: 'parent_last_tool', tool_name: 'gone', children: ['b'] }]).allowed).toBe('abcd')
  })
})

describe('11: conditional mapping with string, boolean, integer, float and default', () => {
  const rule = (more: Partial<Extract<ToolRule, { type: 'conditional' }>> = {}): ToolRule => ({
    type: 'conditional',
    tool_name: 'a',
    child_output_mapping: { yes: 'b', true: 'c', '3': 'd', '0.5': 'b' },
    default_child: null,
    require_output_mapping: false,
    ...more,
  })

  it.each([
    ['yes', 'b'],
    ['True', 'c'],
    ['true', 'c'],
    ['3', 'd'],
    ['3.0', 'd'],
    ['0.50', 'b'],
    ['no', 'abcd'],
    ['', 'abcd'],
  ])('%j leads to %s', (output, allowed) => {
    expect(decide([rule()], called(['a', output])).allowed).toBe(allowed)
  })

  it('without a match: the default, or nothing where a match is required', () => {
    expect(decide([rule({ default_child: 'd' })], called(['a', 'no'])).allowed).toBe('d')
    expect(decide([rule({ require_output_mapping: true })], called(['a', 'no'])).allowed).toBe('')
  })

  it('binds only right after its tool', () => {
    expect(decide([rule()], called(['a', 'yes'], 'c'))).toEqual({ allowed: 'abcd', forced: false })
  })
})

describe('arguments that rules give', () => {
  it('hold while the rule does', () => {
    const rules: ToolRule[] = [
      { ...runFirst, args: { x: 1 } },
      { ...children, child_arg_nodes: [{ name: 'b', args: { y: 2 } }] },
    ]
    const given = (history: CalledTool[]) =>
      [...decideTools(rules, TOOLS, history).prefilled].map(([tool, { args }]) => [tool, args])
    expect(given([])).toEqual([['a', { x: 1 }]])
    expect(given(called('a'))).toEqual([['b', { y: 2 }]])
    expect(given(called('a', 'b'))).toEqual([])
  })
})

describe('the end of a turn', () => {
  it('owes required tools that are there and were not called, in the order of the rules', () => {
    const rules = ['c', 'gone', 'a', 'b'].map(
      (tool): ToolRule => ({ type: 'required_before_exit', tool_name: tool }),
    )
    expect(outstandingTools(rules, TOOLS, ['a'])).toEqual(['c', 'b'])
  })

  it('is put off by rules that continue', () => {
    expect(expectsNext([{ type: 'continue_loop', tool_name: 'a' }], 'a')).toBe(true)
    expect(expectsNext([children], 'a')).toBe(true)
    expect(expectsNext([{ type: 'exit_loop', tool_name: 'a' }], 'a')).toBe(false)
  })
})

describe('what the prompt tells of rules', () => {
  it('each that the model can act on, in an element of its own', () => {
    const text = renderRules([{ type: 'exit_loop', tool_name: 'd' }, children, twice])
    expect(text?.match(/<tool_rule>/g)).toHaveLength(3)
    expect(text?.startsWith('<tool_usage_rules>')).toBe(true)
  })

  it('nothing of the first call and of approvals', () => {
    expect(renderRules([runFirst, { type: 'requires_approval', tool_name: 'a' }])).toBeNull()
  })
})
