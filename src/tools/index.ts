import type { BuiltInTool } from '../domain/tool.ts'
import { type AgentPost, agentMessageTools } from './agent-messages.ts'
import { conversationSearch, type SearchMessages } from './conversation-search.ts'
import { coreMemoryAppend, coreMemoryReplace } from './core-memory.ts'
import { LATER_TOOLS } from './later.ts'
import { memoryApplyPatch } from './memory-apply-patch.ts'
import { memory } from './memory-command.ts'
import { memoryInsert } from './memory-insert.ts'
import { memoryReplace } from './memory-replace.ts'
import { memoryRethink } from './memory-rethink.ts'
import { memoryFinishEdits, sendMessage } from './send-message.ts'

/** What tools reach outside themselves for. */
export type ToolPorts = { searchMessages: SearchMessages; post: AgentPost }

/** Every built-in tool; one file each. */
export function createBuiltInTools(ports: ToolPorts): BuiltInTool[] {
  return [
    sendMessage,
    conversationSearch(ports.searchMessages),
    memoryInsert,
    memoryReplace,
    memoryRethink,
    memoryFinishEdits,
    memory,
    memoryApplyPatch,
    coreMemoryAppend,
    coreMemoryReplace,
    ...agentMessageTools(ports.post),
    ...LATER_TOOLS,
  ]
}
