import type { Actor } from '../domain/actor.ts'
import type { BuiltInTool } from '../domain/tool.ts'
import type { Db } from '../store/schema.ts'
import { readMissingTools } from '../store/tool-list.ts'
import { saveBuiltInTools } from '../store/tools.ts'

/** An organisation gets the built-in tools when it first needs one, and new ones after an update of the server. */
export async function addMissingTools(
  deps: { db: Db; builtInTools: BuiltInTool[] },
  actor: Actor,
): Promise<void> {
  const names = deps.builtInTools.map(({ spec }) => spec.name)
  if (names.length === 0) return
  const missing = await readMissingTools(deps.db, actor.organizationId, names)
  if (missing.length > 0) await saveBuiltInTools(deps.db, actor, deps.builtInTools)
}
