import { ToolError } from '../define.ts'

/** One change of one block, in the order of the patch. */
export type Operation =
  | { type: 'add'; label: string; value: string; description: string }
  | { type: 'update'; label: string; lines: string[] }
  | { type: 'delete'; label: string }
  | { type: 'move'; label: string; to: string }

export type ParsedPatch = { type: 'single'; lines: string[] } | { type: 'many'; operations: Operation[] }

const HEADER = /^\*\*\* (Add Block|Update Block|Delete Block|Move to):(.*)$/

/** A patch with headers changes several blocks; one without is the diff of a single block. */
export function parsePatch(patch: string): ParsedPatch {
  const lines = patch.split(/\r?\n/)
  if (!lines.some((line) => HEADER.test(line))) return { type: 'single', lines }
  const operations = lines.reduce<Section[]>(addLine, []).flatMap(operationsOf)
  if (operations.length === 0) {
    throw new ToolError(
      'No operations found. Provide at least one of: *** Add Block, *** Update Block, *** Delete Block',
    )
  }
  return { type: 'many', operations }
}

type Section = { kind: string; label: string; moveTo: string | null; body: string[] }

function addLine(sections: Section[], line: string): Section[] {
  const header = HEADER.exec(line)
  const current = sections.at(-1)
  if (!header) {
    if (current && !line.startsWith('*** ')) current.body.push(line)
    return sections
  }
  const [, kind = '', rest = ''] = header
  const label = rest.trim()
  if (label === '') throw new ToolError(`*** ${kind}: must specify a non-empty label`)
  if (kind !== 'Move to') return [...sections, { kind, label, moveTo: null, body: [] }]
  if (!current) throw new ToolError('*** Move to: must follow an Add/Update/Delete header')
  current.moveTo = label
  return sections
}

/** A move is made after what its section does to the block. */
function operationsOf(section: Section): Operation[] {
  const move: Operation[] =
    section.moveTo === null ? [] : [{ type: 'move', label: section.label, to: section.moveTo }]
  const body = withoutTrailingBlanks(section.body)
  switch (section.kind) {
    case 'Add Block':
      return [addOf(section.label, body), ...move]
    case 'Delete Block':
      return [{ type: 'delete', label: section.label }]
    default:
      return body.length === 0 && move.length > 0
        ? move
        : [{ type: 'update', label: section.label, lines: body }, ...move]
  }
}

function addOf(label: string, body: string[]): Operation {
  const [first = '', ...rest] = body
  const described = /^Description:(.*)$/.exec(first)
  const lines = described ? rest : body
  const value = lines.map((line) => (line.startsWith('+') ? line.slice(1) : line)).join('\n')
  return { type: 'add', label, value, description: described?.[1]?.trim() ?? '' }
}

function withoutTrailingBlanks(lines: string[]): string[] {
  const last = lines.findLastIndex((line) => line.trim() !== '')
  return lines.slice(0, last + 1)
}
