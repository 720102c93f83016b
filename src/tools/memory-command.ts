import { z } from 'zod'
import { newId } from '../domain/id.ts'
import type { HeldBlock, MemoryEdit } from '../domain/memory.ts'
import {
  editableBlock,
  expandTabs,
  findBlock,
  insertLines,
  refuseBanner,
  refuseIfChanged,
  refuseLineNumbers,
  replaceOnce,
} from './blocks.ts'
import { type Edited, editTool, integerOf, stringOf, ToolError } from './define.ts'

const Input = z.object({
  command: z.string(),
  path: z.string().nullish(),
  file_text: z.string().nullish(),
  description: z.string().nullish(),
  old_string: z.string().nullish(),
  new_string: z.string().nullish(),
  insert_line: z.number().int().nullish(),
  insert_text: z.string().nullish(),
  old_path: z.string().nullish(),
  new_path: z.string().nullish(),
})
type Args = z.infer<typeof Input>
type Command = (blocks: HeldBlock[], args: Args) => Edited

/** One entry per command. */
const COMMANDS: Record<string, Command> = { create, str_replace: strReplace, insert, delete: remove, rename }

export const memory = editTool(
  {
    name: 'memory',
    toolType: 'letta_memory_core',
    description:
      'Manage your memory blocks with one command: create, str_replace, insert, delete or rename. A block is named by its label or as /memories/<label>.',
    properties: {
      command: stringOf('The command: create, str_replace, insert, delete or rename.'),
      path: stringOf('The block that the command is about.'),
      file_text: stringOf('Content of a new block (for create).'),
      description: stringOf('What a block is for (for create, or to change it with rename).'),
      old_string: stringOf('Old text to replace (for str_replace)'),
      new_string: stringOf('New text in its place (for str_replace)'),
      insert_line: integerOf('Line number to insert at (for insert)'),
      insert_text: stringOf('Text to insert (for insert)'),
      old_path: stringOf('Old path for rename operation'),
      new_path: stringOf('New path for rename operation'),
    },
    required: ['command'],
  },
  Input,
  (blocks, args) => {
    const command = Object.hasOwn(COMMANDS, args.command) ? COMMANDS[args.command] : undefined
    if (command) return command(blocks, args)
    const names = Object.keys(COMMANDS).join(', ')
    throw new ToolError(`Error: Unknown command '${args.command}'. Supported commands: ${names}`)
  },
)

const RECOMPILED = 'Your system prompt shows the change from the next step on.'

function create(blocks: HeldBlock[], args: Args): Edited {
  const label = labelOf(needed(args, 'path'))
  const description = needed(args, 'description')
  if (blocks.some((block) => block.label === label)) {
    throw new ToolError(`Error: a memory block '${label}' already exists; edit it with str_replace or insert`)
  }
  const edit: MemoryEdit = {
    type: 'create',
    blockId: newId('block'),
    label,
    value: args.file_text ?? '',
    description,
  }
  return { output: `Successfully created memory block '${label}'. ${RECOMPILED}`, edits: [edit] }
}

function strReplace(blocks: HeldBlock[], args: Args): Edited {
  const label = labelOf(needed(args, 'path'))
  const oldText = needed(args, 'old_string')
  const newText = needed(args, 'new_string')
  const block = editableBlock(blocks, label)
  refuseLineNumbers('old_string', oldText)
  refuseLineNumbers('new_string', newText)
  refuseBanner('old_string', oldText)
  const value = replaceOnce(expandTabs(block.value), expandTabs(oldText), expandTabs(newText), label)
  return { output: value, edits: [{ type: 'set_value', blockId: block.id, value }] }
}

function insert(blocks: HeldBlock[], args: Args): Edited {
  const label = labelOf(needed(args, 'path'))
  const text = needed(args, 'insert_text')
  const block = editableBlock(blocks, label)
  refuseLineNumbers('insert_text', text)
  const at = args.insert_line ?? -1
  if (at !== -1) refuseIfChanged(block)
  const value = insertLines(expandTabs(block.value), expandTabs(text), at)
  return { output: value, edits: [{ type: 'set_value', blockId: block.id, value }] }
}

function remove(blocks: HeldBlock[], args: Args): Edited {
  const block = editableBlock(blocks, labelOf(needed(args, 'path')))
  const edit: MemoryEdit = { type: 'detach', blockId: block.id }
  return { output: `Successfully deleted memory block '${block.label}'. ${RECOMPILED}`, edits: [edit] }
}

/** With `path` and `description` a block gets another description, with two paths another label. */
function rename(blocks: HeldBlock[], args: Args): Edited {
  if (args.path && args.description) {
    const block = editableBlock(blocks, labelOf(args.path))
    const edit: MemoryEdit = { type: 'set_description', blockId: block.id, description: args.description }
    return {
      output: `Successfully updated description of memory block '${block.label}'. ${RECOMPILED}`,
      edits: [edit],
    }
  }
  if (!args.old_path || !args.new_path) {
    throw new ToolError(
      'Error: path and description are required to change a description, or old_path and new_path to rename',
    )
  }
  const from = findBlock(blocks, labelOf(args.old_path))
  const label = labelOf(args.new_path)
  editableBlock(blocks, from.label)
  if (blocks.some((block) => block.label === label))
    throw new ToolError(`Error: a memory block '${label}' already exists`)
  const edit: MemoryEdit = { type: 'set_label', blockId: from.id, label }
  return {
    output: `Successfully renamed memory block '${from.label}' to '${label}'. ${RECOMPILED}`,
    edits: [edit],
  }
}

function needed(args: Args, name: keyof Args): string {
  const value = args[name]
  if (typeof value === 'string' && (value !== '' || name === 'new_string')) return value
  throw new ToolError(`Error: ${name} is required for ${args.command} command`)
}

/** `/memories/notes`, `/notes` and `notes` name the same block. */
function labelOf(path: string): string {
  return path.replace(/^\/+(memories\/+)?/, '')
}
