import { ToolError } from '../../tool-error.ts'

/** One change of one block. */
export type Operation =
  | { type: 'add'; label: string; value: string; description: string }
  | { type: 'update'; label: string; lines: string[] }
  | { type: 'delete'; label: string }
  | { type: 'move'; label: string; to: string }

export type ParsedPatch = { type: 'single'; lines: string[] } | { type: 'many'; operations: Operation[] }

const HEADER = /^\*\*\* (Add Block|Update Block|Delete Block|Move to):(.*)$/
/** Headers that are meant, also where something stands before them. */
const HEADER_MEANT = /^\s*\*\*\* (Add Block|Update Block|Delete Block|Move to):/m

/** A patch with headers changes several blocks, in its order; one without is the diff of a single block. */
export function parsePatch(patch: string): ParsedPatch {
  const lines = patch.split(/\r?\n/)
  if (!HEADER_MEANT.test(patch)) return { type: 'single', lines }
  const operations = lines.reduce(addLine, []).flatMap(operationsOf)
  if (operations.length > 0) return { type: 'many', operations }
  throw new ToolError(
    'No operations found. Provide at least one of: *** Add Block: <label>, *** Update Block: <label>, *** Delete Block: <label>, each at the beginning of a line',
  )
}

/** What stands under one header. */
type Section = { kind: string; label: string; moveTo: string | null; body: string[] }

function addLine(sections: Section[], line: string): Section[] {
  const header = HEADER.exec(line)
  const current = sections.at(-1)
  if (!header) {
    if (!line.startsWith('***')) current?.body.push(line)
    return sections
  }
  const [, kind = '', rest = ''] = header
  const label = rest.trim()
  if (kind === 'Move to' && !current) {
    throw new ToolError('*** Move to: must follow an Add/Update/Delete header')
  }
  if (label === '') throw new ToolError(`*** ${kind}: must specify a non-empty label`)
  if (kind !== 'Move to' || !current) return [...sections, { kind, label, moveTo: null, body: [] }]
  current.moveTo = label
  return sections
}

/** The move comes after what its section does to the block, wherever in the section it stands. */
function operationsOf({ kind, label, moveTo, body }: Section): Operation[] {
  const lines = withoutBlankEnd(body)
  const move: Operation[] = moveTo === null ? [] : [{ type: 'move', label, to: moveTo }]
  switch (kind) {
    case 'Add Block':
      return [addOf(label, lines), ...move]
    case 'Delete Block':
      return [{ type: 'delete', label }, ...move]
    default:
      return lines.length === 0 && moveTo !== null ? move : [{ type: 'update', label, lines }, ...move]
  }
}

function addOf(label: string, body: string[]): Operation {
  const description = /^Description:(.*)$/.exec(body[0] ?? '')?.[1]
  const lines = description === undefined ? body : body.slice(1)
  const value = lines.map((line) => (line.startsWith('+') ? line.slice(1) : line)).join('\n')
  return { type: 'add', label, value, description: description?.trim() ?? '' }
}

function withoutBlankEnd(lines: string[]): string[] {
  return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1)
}
