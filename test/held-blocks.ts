import { isId, newId } from '../src/domain/id.ts'
import { applyEdits, type HeldBlock, type MemoryEdit } from '../src/domain/memory.ts'
import type { BuiltInTool, ToolArguments } from '../src/domain/tool.ts'

/** A block as a memory tool sees it. */
export function held(label: string, value: string, change: Partial<HeldBlock> = {}): HeldBlock {
  return {
    id: newId('block'),
    label,
    value,
    limit: 100_000,
    description: null,
    readOnly: false,
    metadata: {},
    version: 1,
    changedByOthers: false,
    ...change,
  }
}

export type EditOutcome = {
  /** The result that the model reads, or `<error name>: <message>`. */
  text: string
  failed: boolean
  edits: MemoryEdit[]
  /** Label and value of each block afterwards. */
  memory: Record<string, string>
}

/** Runs a memory tool as the driver does: what it wants written is written, a failed call writes nothing. */
export function edit({ tool }: BuiltInTool, blocks: HeldBlock[], args: ToolArguments): EditOutcome {
  if (tool.effect !== 'edits') throw new Error('not a memory tool')
  const { result, edits } = tool.run(blocks, args)
  const after = applyEdits(blocks, edits)
  if (!after.every(({ id }) => isId('block', id))) throw new Error('an edit made a block without an id')
  return {
    text: result.ok ? String(result.output) : `${result.errorName}: ${result.message}`,
    failed: !result.ok,
    edits,
    memory: Object.fromEntries(after.map(({ label, value }) => [label, value])),
  }
}
