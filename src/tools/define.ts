import type { JsonObject } from '../domain/json.ts'
import type { HeldBlock, MemoryEdit } from '../domain/memory.ts'
import type { BuiltInTool, Tool, ToolContext, ToolResult, ToolType } from '../domain/tool.ts'
import { type ArgumentsOf, checkOf, type ParameterTable, readArguments, schemaOf } from './parameters.ts'
import { ToolError } from './tool-error.ts'

/** What a tool says of itself: shown to models and users, and stored as the tool's schema. */
export type Definition<Table extends ParameterTable> = {
  name: string
  toolType: ToolType
  description: string
  parameters: Table
  /** Calls of it may run side by side. */
  parallel?: true
}

export type Edited = { output: string; edits: MemoryEdit[] }
type Run<Table extends ParameterTable> = (
  args: ArgumentsOf<Table>,
  context: ToolContext,
) => Promise<string | JsonObject>

/** A tool that edits memory: a pure function of the blocks as they are and the arguments. */
export function editTool<Table extends ParameterTable>(
  definition: Definition<Table>,
  run: (blocks: HeldBlock[], args: ArgumentsOf<Table>) => Edited,
): BuiltInTool {
  const check = checkOf(definition.parameters)
  return builtInTool(definition, {
    effect: 'edits',
    run(blocks, args) {
      try {
        const { output, edits } = run(blocks, readArguments(definition.name, check, args))
        return { result: { ok: true, output }, edits }
      } catch (error) {
        return { result: refusalOf(error), edits: [] }
      }
    },
  })
}

/** A tool that looks something up and changes nothing. */
export function readTool<Table extends ParameterTable>(
  definition: Definition<Table>,
  run: Run<Table>,
): BuiltInTool {
  return builtInTool(definition, { effect: 'reads', run: answering(definition, run) })
}

/** A tool that acts outside this run, and would act again if it were called again. */
export function actTool<Table extends ParameterTable>(
  definition: Definition<Table>,
  run: Run<Table>,
): BuiltInTool {
  return builtInTool(definition, { effect: 'acts', idempotent: false, run: answering(definition, run) })
}

/** The record of a tool, from what it says of itself and what it does. */
export function builtInTool(definition: Definition<ParameterTable>, tool: Tool): BuiltInTool {
  const { name, toolType, description, parameters } = definition
  return {
    spec: { name, description, parameters: schemaOf(parameters) },
    toolType,
    enableParallelExecution: definition.parallel ?? false,
    tool,
  }
}

function answering<Table extends ParameterTable>(definition: Definition<Table>, run: Run<Table>) {
  const check = checkOf(definition.parameters)
  return async (args: JsonObject, context: ToolContext): Promise<ToolResult> => {
    try {
      return { ok: true, output: await run(readArguments(definition.name, check, args), context) }
    } catch (error) {
      return refusalOf(error)
    }
  }
}

/** Everything but a refusal is a failure of the world, which the driver names, or a bug. */
function refusalOf(error: unknown): ToolResult {
  if (error instanceof ToolError) return { ok: false, errorName: error.name, message: error.message }
  throw error
}
