import { describe, expect, it } from 'vitest'
import { defaultToolNames, defaultToolRules, MULTI_AGENT_TOOLS } from './agent-defaults.ts'

describe('an agent’s tools by default', () => {
  it.each([
    ['letta_v1_agent', ['conversation_search', 'memory_replace', 'memory_insert']],
    ['memgpt_v2_agent', ['send_message', 'conversation_search', 'memory_replace', 'memory_insert']],
    [
      'memgpt_agent',
      [
        'send_message',
        'conversation_search',
        'core_memory_append',
        'core_memory_replace',
        'memory',
        'memory_apply_patch',
      ],
    ],
    ['sleeptime_agent', ['memory_replace', 'memory_insert', 'memory_rethink', 'memory_finish_edits']],
    ['voice_convo_agent', ['send_message', 'search_memory']],
    ['voice_sleeptime_agent', ['store_memories', 'rethink_user_memory', 'finish_rethinking_memory']],
    ['react_agent', []],
    ['workflow_agent', []],
  ] as const)('are those of its kind: %s', (agentType, names) => {
    expect(defaultToolNames(agentType, false)).toEqual(names)
  })

  it.each(['letta_v1_agent', 'memgpt_v2_agent', 'memgpt_agent', 'react_agent', 'workflow_agent'] as const)(
    'do not edit memory when another agent tends it: %s',
    (agentType) => {
      expect(defaultToolNames(agentType, true)).toEqual([
        'send_message',
        'conversation_search',
        'archival_memory_search',
      ])
    },
  )

  it.each(['sleeptime_agent', 'voice_convo_agent', 'voice_sleeptime_agent'] as const)(
    'stay the same with a background agent: %s',
    (agentType) => {
      expect(defaultToolNames(agentType, true)).toEqual(defaultToolNames(agentType, false))
    },
  )
})

describe('an agent’s rules by default', () => {
  it('end the turn with what is said or finished', () => {
    const names = ['send_message', 'send_message_to_agent_async', 'memory_finish_edits']
    expect(defaultToolRules(names)).toEqual(names.map((tool_name) => ({ type: 'exit_loop', tool_name })))
  })

  it('go on after every other tool for memory and search', () => {
    const names = [
      'conversation_search',
      'archival_memory_insert',
      'archival_memory_search',
      'core_memory_append',
      'core_memory_replace',
      'memory',
      'memory_apply_patch',
      'memory_replace',
      'memory_insert',
      'memory_rethink',
    ]
    expect(defaultToolRules(names)).toEqual(names.map((tool_name) => ({ type: 'continue_loop', tool_name })))
  })

  it('say nothing of other tools', () => {
    const [ask, askMany] = MULTI_AGENT_TOOLS
    expect(defaultToolRules(['web_search', 'my_tool', ask ?? '', askMany ?? ''])).toEqual([])
  })
})
