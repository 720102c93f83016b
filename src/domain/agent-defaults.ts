import type { AgentType } from './agent.ts'
import type { ToolRule } from './tool.ts'

/** The tools that an agent of a kind has, unless it is made without any. */
export function defaultToolNames(agentType: AgentType, enableSleeptime: boolean): string[] {
  return enableSleeptime && !UNTENDED.has(agentType) ? TENDED_TOOLS : TOOLS_OF[agentType]
}

const MEMGPT_TOOLS = [
  'send_message',
  'conversation_search',
  'core_memory_append',
  'core_memory_replace',
  'memory',
  'memory_apply_patch',
]

const TOOLS_OF: Record<AgentType, string[]> = {
  // What it writes is what people read, so it needs no tool to talk.
  letta_v1_agent: ['conversation_search', 'memory_replace', 'memory_insert'],
  memgpt_v2_agent: ['send_message', 'conversation_search', 'memory_replace', 'memory_insert'],
  memgpt_agent: MEMGPT_TOOLS,
  split_thread_agent: MEMGPT_TOOLS,
  sleeptime_agent: ['memory_replace', 'memory_insert', 'memory_rethink', 'memory_finish_edits'],
  voice_convo_agent: ['send_message', 'search_memory'],
  voice_sleeptime_agent: ['store_memories', 'rethink_user_memory', 'finish_rethinking_memory'],
  react_agent: [],
  workflow_agent: [],
}

/** Whoever has a background agent for its memory only talks and looks things up. */
const TENDED_TOOLS = ['send_message', 'conversation_search', 'archival_memory_search']

/** Kinds whose tools are the same with a background agent. */
const UNTENDED: ReadonlySet<AgentType> = new Set([
  'sleeptime_agent',
  'voice_convo_agent',
  'voice_sleeptime_agent',
])

/** Tools with which agents talk to each other; only on request. */
export const MULTI_AGENT_TOOLS = [
  'send_message_to_agent_and_wait_for_reply',
  'send_message_to_agents_matching_tags',
  'send_message_to_agent_async',
]

/** A call of these is the end of a turn, for agents that end turns by calls. */
const ENDS_TURN = new Set(['send_message', 'send_message_to_agent_async', 'memory_finish_edits'])

/** After a call of these the turn goes on. */
const GOES_ON = new Set([
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
])

/** What a call of each tool means for the turn. Whether an agent gets these rules at all depends on kind and model. */
export function defaultToolRules(toolNames: string[]): ToolRule[] {
  return toolNames.flatMap((name): ToolRule[] => {
    if (ENDS_TURN.has(name)) return [{ type: 'exit_loop', tool_name: name }]
    return GOES_ON.has(name) ? [{ type: 'continue_loop', tool_name: name }] : []
  })
}
