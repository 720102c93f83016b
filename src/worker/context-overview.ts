import type { OrganizationId, RunId, UserId } from '../domain/id.ts'
import { type Message, withoutSystem } from '../domain/message.ts'
import type { ToolSpec } from '../domain/model.ts'
import { systemTextOf } from '../loop/build-request.ts'
import { promptUpdate, withPrompt } from '../loop/refresh-prompt.ts'
import { estimateTokens } from '../loop/tokens.ts'
import { countMessages } from '../store/message-lists.ts'
import { readAskers } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import type { Target } from '../store/scopes.ts'
import { stateOf } from './preview-turn.ts'

/** What an agent's context is made of, part by part. */
export type ContextOverview = {
  windowMax: number
  messages: Message[]
  /** Who asked for the runs that stored them. */
  askers: Map<RunId, UserId>
  storedCount: number
  tools: ToolSpec[]
  system: string
  sections: Record<'memory' | 'rules' | 'directories' | 'metadata', string | null>
  tokens: { messages: number; tools: number }
}

export async function overviewOf(
  db: Db,
  organizationId: OrganizationId,
  target: Target,
): Promise<ContextOverview> {
  const asked = {
    input: [],
    overrideModel: null,
    overrideSystem: null,
    clientTools: [],
    clientSkills: [],
    user: null,
    streamTokens: false,
  }
  const read = await stateOf(db, organizationId, target, asked)
  const state = withPrompt(read, promptUpdate(read, new Date()))
  const tools = state.agent.tools.map((tool) => tool.spec)
  const text = systemTextOf(state.context[0])
  const { tokenCalibration } = state.scope
  return {
    windowMax: state.agent.config.context_window,
    messages: state.context,
    askers: await readAskers(db, organizationId, state.context),
    storedCount: await countMessages(db, organizationId, target.agentId),
    tools,
    system: state.agent.system,
    sections: {
      memory: sectionOf(text, 'memory_blocks'),
      rules: sectionOf(text, 'tool_usage_rules'),
      directories: sectionOf(text, 'directories'),
      metadata: sectionOf(text, 'memory_metadata'),
    },
    tokens: {
      messages: estimateTokens(withoutSystem(state.context), [], tokenCalibration),
      tools: tools.length === 0 ? 0 : estimateTokens([], tools, tokenCalibration),
    },
  }
}

function sectionOf(text: string, name: string): string | null {
  const start = text.indexOf(`<${name}>`)
  const end = text.lastIndexOf(`</${name}>`)
  return start < 0 || end < start ? null : text.slice(start, end + name.length + 3)
}
