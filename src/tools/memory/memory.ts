import { newId } from '../../domain/id.ts'
import type { HeldBlock, MemoryEdit } from '../../domain/memory.ts'
import { type Edited, editTool } from '../define.ts'
import { type ArgumentsOf, integer, optional, text } from '../parameters.ts'
import { ToolError } from '../tool-error.ts'
import { findBlock, getBlock } from './held-blocks.ts'
import { insertText } from './memory-insert.ts'
import { replaceText } from './memory-replace.ts'

const PARAMETERS = {
  command: text('What to do: create, str_replace, insert, delete or rename.'),
  path: optional(
    text('The block, as /memories/<label>. All commands take it; rename only for a new description.'),
  ),
  file_text: optional(text('create: what the new block holds at first.')),
  description: optional(text('create, rename: what the block is for.')),
  old_string: optional(text('Old text to replace (for str_replace)')),
  new_string: optional(text('str_replace: what takes its place.')),
  insert_line: optional(integer('Line number to insert at (for insert)')),
  insert_text: optional(text('Text to insert (for insert)')),
  old_path: optional(text('Old path for rename operation')),
  new_path: optional(text('New path for rename operation')),
}
type Args = ArgumentsOf<typeof PARAMETERS>

/** All of an agent's dealings with its memory in one tool, for models that are used to files. */
export const memory = editTool(
  {
    name: 'memory',
    toolType: 'letta_memory_core',
    description:
      'Look after your memory blocks: create one, exchange text in it (str_replace), add lines (insert), take it out of your memory (delete), or give it another name or description (rename).',
    parameters: PARAMETERS,
  },
  (blocks, args) => {
    const command = COMMANDS.get(args.command)
    if (command) return command(blocks, args)
    const names = [...COMMANDS.keys()].join(', ')
    throw new ToolError(`Error: Unknown command '${args.command}'. Supported commands: ${names}`)
  },
)

const COMMANDS = new Map<string, (blocks: HeldBlock[], args: Args) => Edited>([
  ['create', create],
  [
    'str_replace',
    (blocks, args) =>
      replaceText(blocks, labelIn(args, 'path'), needed(args, 'old_string'), needed(args, 'new_string')),
  ],
  [
    'insert',
    (blocks, args) =>
      insertText(blocks, labelIn(args, 'path'), {
        name: 'insert_text',
        text: needed(args, 'insert_text'),
        keptLines: args.insert_line ?? -1,
      }),
  ],
  ['delete', remove],
  ['rename', rename],
])

const RECOMPILED = 'Your system prompt shows it from your next step on.'

function create(blocks: HeldBlock[], args: Args): Edited {
  const label = labelIn(args, 'path')
  const description = needed(args, 'description')
  refuseTaken(blocks, label)
  const value = args.file_text ?? ''
  return done(`created memory block '${label}'`, {
    type: 'create',
    blockId: newId('block'),
    label,
    value,
    description,
  })
}

/** Takes the block away from the agent only: others may share it. So a read-only one can go as well. */
function remove(blocks: HeldBlock[], args: Args): Edited {
  const { id, label } = getBlock(blocks, labelIn(args, 'path'))
  return done(`deleted memory block '${label}'`, { type: 'detach', blockId: id })
}

/** With `path` and `description` a block gets another description, with two paths another label. Its text stays. */
function rename(blocks: HeldBlock[], args: Args): Edited {
  const changes: Edited[] = []
  if (args.path && args.description) changes.push(describe(blocks, args, args.description))
  if (args.old_path && args.new_path) changes.push(relabel(blocks, args))
  if (changes.length > 0) {
    return {
      output: changes.map(({ output }) => output).join('\n'),
      edits: changes.flatMap(({ edits }) => edits),
    }
  }
  throw new ToolError(
    'Error: path and description are required for rename command to change a description, old_path and new_path to change a label',
  )
}

function describe(blocks: HeldBlock[], args: Args, description: string): Edited {
  const { id, label } = getBlock(blocks, labelIn(args, 'path'))
  return done(`updated description of memory block '${label}'`, {
    type: 'set_description',
    blockId: id,
    description,
  })
}

function relabel(blocks: HeldBlock[], args: Args): Edited {
  const block = getBlock(blocks, labelIn(args, 'old_path'))
  const label = labelIn(args, 'new_path')
  if (label !== block.label) refuseTaken(blocks, label)
  return done(`renamed memory block '${block.label}' to '${label}'`, {
    type: 'set_label',
    blockId: block.id,
    label,
  })
}

function done(what: string, edit: MemoryEdit): Edited {
  return { output: `Successfully ${what}. ${RECOMPILED}`, edits: [edit] }
}

function refuseTaken(blocks: HeldBlock[], label: string): void {
  if (findBlock(blocks, label)) throw new ToolError(`Error: memory block '${label}' already exists`)
}

type TextName = Exclude<keyof Args, 'command' | 'insert_line'>

/** Texts that are put in or looked for may be empty; what names or describes a block may not. */
const MAY_BE_EMPTY: ReadonlySet<TextName> = new Set(['old_string', 'new_string', 'insert_text'])

function needed(args: Args, name: TextName): string {
  const value = args[name]
  if (value !== null && (value !== '' || MAY_BE_EMPTY.has(name))) return value
  throw new ToolError(`Error: ${name} is required for ${args.command} command`)
}

/** The label that a path stands for: `/memories/notes/`, `/notes` and `notes` are all `notes`, for every command. */
function labelIn(args: Args, name: 'path' | 'old_path' | 'new_path'): string {
  const path = needed(args, name)
  const label = path.replace(/^\/+(memories(\/+|$))?/, '').replace(/\/+$/, '')
  if (label !== '') return label
  throw new ToolError(`Error: ${name} '${path}' names no memory block; write /memories/<label>`)
}
