import type { z } from 'zod'
import type { Json, JsonObject } from '../domain/json.ts'
import type { HeldBlock, MemoryEdit } from '../domain/memory.ts'
import type { BuiltInTool, Tool, ToolContext, ToolResult, ToolType } from '../domain/tool.ts'

/** What a tool says of itself: shown to models and users, and stored as the tool's schema. */
export type Description = {
  name: string
  toolType: ToolType
  description: string
  properties: JsonObject
  required: string[]
  parallel?: true
}

/** A refusal that the model reads: the kind of error and what would be right. */
export class ToolError extends Error {
  override name: string

  constructor(message: string, name = 'ValueError') {
    super(message)
    this.name = name
  }
}

export type Edited = { output: string; edits: MemoryEdit[] }

/** A tool that edits memory: a pure function of the blocks as they are and the arguments. */
export function editTool<Input extends z.ZodType>(
  description: Description,
  input: Input,
  run: (blocks: HeldBlock[], args: z.infer<Input>) => Edited,
): BuiltInTool {
  return built(description, {
    effect: 'edits',
    run(blocks, args) {
      try {
        const { output, edits } = run(blocks, parsed(description.name, input, args))
        return { result: { ok: true, output }, edits }
      } catch (error) {
        return { result: refused(error), edits: [] }
      }
    },
  })
}

/** A tool that looks something up and changes nothing. */
export function readTool<Input extends z.ZodType>(
  description: Description,
  input: Input,
  run: (args: z.infer<Input>, context: ToolContext) => Promise<string | JsonObject>,
): BuiltInTool {
  return built(description, {
    effect: 'reads',
    run: (args, context) => outcomeOf(() => run(parsed(description.name, input, args), context)),
  })
}

/** A tool that acts outside this run. */
export function actTool<Input extends z.ZodType>(
  description: Description,
  input: Input,
  run: (args: z.infer<Input>, context: ToolContext) => Promise<string | JsonObject>,
): BuiltInTool {
  return built(description, {
    effect: 'acts',
    idempotent: false,
    run: (args, context) => outcomeOf(() => run(parsed(description.name, input, args), context)),
  })
}

function built(description: Description, tool: Tool): BuiltInTool {
  const { name, toolType, properties, required } = description
  return {
    spec: {
      name,
      description: description.description,
      parameters: { type: 'object', properties, required },
    },
    toolType,
    enableParallelExecution: description.parallel ?? false,
    tool,
  }
}

async function outcomeOf(run: () => Promise<string | JsonObject>): Promise<ToolResult> {
  try {
    return { ok: true, output: await run() }
  } catch (error) {
    return refused(error)
  }
}

function refused(error: unknown): ToolResult {
  if (error instanceof ToolError) return { ok: false, errorName: error.name, message: error.message }
  throw error
}

/** Arguments that do not fit are told apart: what is missing, and what is of the wrong kind. */
function parsed<Input extends z.ZodType>(name: string, input: Input, args: JsonObject): z.infer<Input> {
  const result = input.safeParse(args)
  if (result.success) return result.data
  const missing = result.error.issues
    .filter((issue) => !(String(issue.path[0]) in args))
    .map((issue) => String(issue.path[0]))
  if (missing.length > 0) {
    const names = missing.map((argument) => `'${argument}'`).join(' and ')
    const plural = missing.length === 1 ? 'argument' : 'arguments'
    throw new ToolError(`${name}() missing ${missing.length} required ${plural}: ${names}`, 'TypeError')
  }
  const wrong = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new ToolError(`${name}() got arguments that do not fit: ${wrong.join('; ')}`, 'TypeError')
}

export function stringOf(description: string): Json {
  return { type: 'string', description }
}

export function integerOf(description: string): Json {
  return { type: 'integer', description }
}

export function stringsOf(description: string): Json {
  return { type: 'array', items: { type: 'string' }, description }
}
