import type { AgentId, ConversationId, OrganizationId, RunId, ToolId } from './id.ts'
import type { JsonObject } from './json.ts'
import type { HeldBlock, MemoryEdit } from './memory.ts'
import type { ToolSpec } from './model.ts'

export const TOOL_TYPES = [
  'custom',
  'letta_core',
  'letta_memory_core',
  'letta_multi_agent_core',
  'letta_sleeptime_core',
  'letta_voice_sleeptime_core',
  'letta_builtin',
  'letta_files_core',
  'external_langchain',
  'external_composio',
  'external_mcp',
] as const
export type ToolType = (typeof TOOL_TYPES)[number]

/** A tool as an organisation has it, and as an agent is given it. */
export type ToolRecord = {
  id: ToolId
  name: string
  toolType: ToolType
  spec: ToolSpec
  /** Characters of a result that the model gets to read. */
  returnCharLimit: number
  defaultRequiresApproval: boolean
  enableParallelExecution: boolean
}

export const RETURN_CHARS_MAX_DEFAULT = 50_000

/** A constraint on which tool may run when, and on what its running means for the run. The old server's wire form. */
export type ToolRule =
  | { type: 'run_first'; tool_name: string; args?: JsonObject | null }
  | {
      type: 'constrain_child_tools'
      tool_name: string
      children: string[]
      child_arg_nodes?: { name: string; args?: JsonObject | null }[] | null
    }
  | { type: 'parent_last_tool'; tool_name: string; children: string[] }
  | {
      type: 'conditional'
      tool_name: string
      child_output_mapping: Record<string, string>
      default_child?: string | null
      require_output_mapping: boolean
    }
  | { type: 'exit_loop'; tool_name: string }
  | { type: 'continue_loop'; tool_name: string }
  | { type: 'required_before_exit'; tool_name: string }
  | { type: 'max_count_per_step'; tool_name: string; max_count_limit: number }
  | { type: 'requires_approval'; tool_name: string }

/** Arguments that passed the JSON parse; the tool itself says whether they fit. */
export type ToolArguments = JsonObject

/** What a tool ended with. `error` is the text that the model reads after `Error executing function …`. */
export type ToolResult =
  | { ok: true; output: string | JsonObject; stdout?: string[]; stderr?: string[] }
  | { ok: false; errorName: string; message: string; stdout?: string[]; stderr?: string[] }

/**
 * The three ways in which a tool can touch the world. They decide what a crash may cost:
 * - `edits`: a pure function of the agent's blocks. Its edits and its result are saved together, under the blocks' lock
 * - `reads`: looks something up and changes nothing; after a crash it is simply asked again
 * - `acts`: does something outside our database; a ledger row is saved before it starts, and a crash in between leaves
 *   its outcome unknown, unless the tool is declared idempotent
 */
export type Tool =
  | {
      effect: 'edits'
      run(blocks: HeldBlock[], args: ToolArguments): { result: ToolResult; edits: MemoryEdit[] }
    }
  | { effect: 'reads'; run(args: ToolArguments, context: ToolContext): Promise<ToolResult> }
  | {
      effect: 'acts'
      idempotent: boolean
      run(args: ToolArguments, context: ToolContext): Promise<ToolResult>
    }

export type ToolContext = {
  organizationId: OrganizationId
  agentId: AgentId
  conversationId: ConversationId
  runId: RunId
  /** IANA zone of the agent. */
  timezone: string
  /** The same for a repeat of the same call: pass it on as `Idempotency-Key`. */
  executionId: string
  signal: AbortSignal
}

/** A built-in tool: what models and users are told about it, and what it does. */
export type BuiltInTool = {
  spec: ToolSpec
  toolType: ToolType
  enableParallelExecution: boolean
  tool: Tool
}
