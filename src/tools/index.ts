import type { BuiltInTool } from '../domain/tool.ts'
import type { AgentPost } from './agents/agent-post.ts'
import { sendMessageToAgentAndWaitForReply } from './agents/send-message-to-agent-and-wait-for-reply.ts'
import { sendMessageToAgentAsync } from './agents/send-message-to-agent-async.ts'
import { sendMessageToAgentsMatchingTags } from './agents/send-message-to-agents-matching-tags.ts'
import { conversationSearch, type SearchMessages } from './conversation-search.ts'
import { archivalMemoryInsert, archivalMemorySearch } from './later/archival-memory.ts'
import { runCode, runCodeWithTools } from './later/code.ts'
import { grepFiles, openFiles, semanticSearchFiles } from './later/files.ts'
import { finishRethinkingMemory, rethinkUserMemory, searchMemory, storeMemories } from './later/voice.ts'
import { fetchWebpage, webSearch } from './later/web.ts'
import { memoryApplyPatch } from './memory/apply-patch/memory-apply-patch.ts'
import { coreMemoryAppend } from './memory/core-memory-append.ts'
import { coreMemoryReplace } from './memory/core-memory-replace.ts'
import { memory } from './memory/memory.ts'
import { memoryFinishEdits } from './memory/memory-finish-edits.ts'
import { memoryInsert } from './memory/memory-insert.ts'
import { memoryReplace } from './memory/memory-replace.ts'
import { memoryRethink } from './memory/memory-rethink.ts'
import { sendMessage } from './send-message.ts'

/** What tools reach outside themselves for. */
export type ToolPorts = { searchMessages: SearchMessages; post: AgentPost }

/** What is known of a tool without its ports. */
export type BuiltInSpec = Omit<BuiltInTool, 'tool'>

/** Every built-in tool. To add one, write its file and name it here. */
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
    sendMessageToAgentAndWaitForReply(ports.post),
    sendMessageToAgentsMatchingTags(ports.post),
    sendMessageToAgentAsync(ports.post),
    archivalMemoryInsert,
    archivalMemorySearch,
    runCode,
    runCodeWithTools,
    webSearch,
    fetchWebpage,
    openFiles,
    grepFiles,
    semanticSearchFiles,
    storeMemories,
    rethinkUserMemory,
    finishRethinkingMemory,
    searchMemory,
  ]
}

/** The same tools as models and users are told about them, for whoever runs none. */
export const BUILT_IN_SPECS: BuiltInSpec[] = createBuiltInTools({
  searchMessages: unreached,
  post: { ask: unreached, tell: unreached, findByTags: unreached },
}).map(({ tool: _, ...spec }) => spec)

function unreached(): never {
  throw new Error('specs are not run')
}
