import type { Actor } from '../../domain/actor.ts'
import { defaultToolNames, MULTI_AGENT_TOOLS } from '../../domain/agent-defaults.ts'
import { Fault } from '../../domain/fault.ts'
import type { ToolId } from '../../domain/id.ts'
import { printed } from '../../lib/printed.ts'
import type { Db } from '../../store/schema.ts'
import { holdTools, type ToolRow } from '../../store/tools.ts'
import { addMissingTools } from '../add-missing-tools.ts'
import type { HttpDeps } from '../deps.ts'
import type { CreateAgent } from '../schemas/agent-input.ts'

/** A new agent's tools: those of its kind, and those that it asks for. Faults: bad_request for one that is not there. */
export async function chooseTools(
  tx: Db,
  deps: Pick<HttpDeps, 'builtInTools'>,
  actor: Actor,
  body: CreateAgent,
): Promise<ToolRow[]> {
  const names = [...new Set([...defaultNames(body), ...(body.tools ?? [])])]
  const ids = [...new Set(body.tool_ids ?? [])]
  const tools = await findTools(tx, deps, actor, { ids, names })
  const missingNames = names.filter((name) => !tools.some((tool) => tool.name === name))
  if (missingNames.length > 0)
    throw new Fault('bad_request', `Tools not found by name: ${setOf(missingNames)}`)
  const missingIds = ids.filter((id) => !tools.some((tool) => tool.id === id))
  if (missingIds.length > 0) throw new Fault('bad_request', `Tools not found by id: ${setOf(missingIds)}`)
  return tools
}

/** In a new organisation the built-in tools may still have to be put there. */
async function findTools(
  tx: Db,
  deps: Pick<HttpDeps, 'builtInTools'>,
  actor: Actor,
  wanted: { ids: ToolId[]; names: string[] },
): Promise<ToolRow[]> {
  const tools = await holdTools(tx, actor.organizationId, wanted)
  if (wanted.names.every((name) => tools.some((tool) => tool.name === name))) return tools
  await addMissingTools({ db: tx, builtInTools: deps.builtInTools }, actor)
  return holdTools(tx, actor.organizationId, wanted)
}

function defaultNames(body: CreateAgent): string[] {
  return [
    ...(body.include_base_tools ? defaultToolNames(body.agent_type, body.enable_sleeptime ?? false) : []),
    ...(body.include_multi_agent_tools ? MULTI_AGENT_TOOLS : []),
  ]
}

function setOf(names: string[] | ToolId[]): string {
  return `{${printed(names).slice(1, -1)}}`
}
