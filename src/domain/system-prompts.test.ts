import { describe, expect, it } from 'vitest'
import { AGENT_TYPES } from './agent.ts'
import { defaultToolNames } from './agent-defaults.ts'
import { systemPromptOf } from './system-prompts.ts'

describe('the prompt of a kind of agent', () => {
  it.each(AGENT_TYPES)('names no tool that the agent does not have: %s', (agentType) => {
    const named = systemPromptOf(agentType).match(/`\w+`/g) ?? []
    const tools = defaultToolNames(agentType, false)
    expect(named.map((name) => name.slice(1, -1)).filter((name) => !tools.includes(name))).toEqual([])
  })

  it.each(AGENT_TYPES)('says that it is heard through send_message exactly when it is: %s', (agentType) => {
    expect(systemPromptOf(agentType).includes('`send_message`')).toBe(
      defaultToolNames(agentType, false).includes('send_message'),
    )
  })

  it.each(AGENT_TYPES)('leaves the place of the memory to the end: %s', (agentType) => {
    expect(systemPromptOf(agentType)).not.toMatch(/[{}]/)
  })
})
