import { describe, expect, it } from 'vitest'
import { edit, held } from '../../../test/held-blocks.ts'
import { isId } from '../../domain/id.ts'
import type { HeldBlock } from '../../domain/memory.ts'
import type { ToolArguments } from '../../domain/tool.ts'
import { memory } from './memory.ts'

const BLOCKS = [held('human', 'Ann'), held('persona', 'me'), held('plans/summer', 'sea')]

describe('memory create', () => {
  it('makes a block with a description, and says that the prompt will show it', () => {
    const { text, edits } = run({
      command: 'create',
      path: '/memories/notes',
      description: 'Notes',
      file_text: 'a\nb',
    })
    expect(text).toMatch(/^Successfully created memory block 'notes'\. .*system prompt/)
    expect(edits).toEqual([
      { type: 'create', blockId: expect.any(String), label: 'notes', value: 'a\nb', description: 'Notes' },
    ])
    expect(edits.every(({ blockId }) => isId('block', blockId))).toBe(true)
  })

  it('makes an empty block without a text', () => {
    expect(run({ command: 'create', path: 'notes', description: 'Notes' }).memory.notes).toBe('')
  })

  it('does not touch a block that is there', () => {
    const { text, edits } = run({
      command: 'create',
      path: '/memories/human',
      description: 'x',
      file_text: 'y',
    })
    expect(text).toBe("ValueError: Error: memory block 'human' already exists")
    expect(edits).toEqual([])
  })
})

describe('memory str_replace and insert', () => {
  it('return the whole new text', () => {
    expect(
      run({ command: 'str_replace', path: '/memories/human', old_string: 'Ann', new_string: 'Bo' }).text,
    ).toBe('Bo')
    expect(run({ command: 'insert', path: '/memories/human', insert_line: 0, insert_text: 'top' }).text).toBe(
      'top\nAnn',
    )
  })

  it('insert at the end when no line is given', () => {
    expect(run({ command: 'insert', path: '/memories/human', insert_text: 'end' }).text).toBe('Ann\nend')
    expect(run({ command: 'insert', path: 'human', insert_text: 'end', insert_line: null }).text).toBe(
      'Ann\nend',
    )
  })

  it('may remove a text, and refuse one that is not there', () => {
    expect(run({ command: 'str_replace', path: 'human', old_string: 'n', new_string: '' }).text).toContain(
      'lines [1]',
    )
    expect(run({ command: 'str_replace', path: 'human', old_string: 'nn', new_string: '' }).text).toBe('A')
    expect(
      run({ command: 'str_replace', path: '/memories/human', old_string: 'z', new_string: 'x' }).text,
    ).toContain('did not appear verbatim in memory block with label `human`.')
  })

  it('refuse a line that is not there', () => {
    expect(run({ command: 'insert', path: 'human', insert_line: 99, insert_text: 'x' }).text).toContain(
      '[0, 1]',
    )
  })
})

describe('memory delete', () => {
  it('takes the block away from the agent', () => {
    const { text, edits } = run({ command: 'delete', path: '/memories/human' })
    expect(text).toMatch(/^Successfully deleted memory block 'human'\. /)
    expect(edits).toEqual([{ type: 'detach', blockId: BLOCKS[0]?.id }])
  })

  it('fails for a block that is not there', () => {
    expect(run({ command: 'delete', path: '/memories/none' })).toMatchObject({
      failed: true,
      text: "KeyError: 'Block field none does not exist (available sections = human, persona, plans/summer)'",
    })
  })
})

describe('memory rename', () => {
  it('gives another label', () => {
    const { text, edits } = run({
      command: 'rename',
      old_path: '/memories/human',
      new_path: '/memories/person',
    })
    expect(text).toMatch(/^Successfully renamed memory block 'human' to 'person'\. /)
    expect(edits).toEqual([{ type: 'set_label', blockId: BLOCKS[0]?.id, label: 'person' }])
  })

  it('gives another description', () => {
    const { text, edits } = run({ command: 'rename', path: '/memories/human', description: 'The user' })
    expect(text).toMatch(/^Successfully updated description of memory block 'human'\. /)
    expect(edits).toEqual([{ type: 'set_description', blockId: BLOCKS[0]?.id, description: 'The user' }])
  })

  it('gives both when both are asked for', () => {
    const { text, edits } = run({
      command: 'rename',
      path: 'human',
      description: 'The user',
      old_path: 'human',
      new_path: 'person',
    })
    expect(text.split('\n')).toHaveLength(2)
    expect(edits.map(({ type }) => type)).toEqual(['set_description', 'set_label'])
  })

  it('does not take the label of another block', () => {
    expect(run({ command: 'rename', old_path: 'human', new_path: 'persona' })).toMatchObject({
      text: "ValueError: Error: memory block 'persona' already exists",
      edits: [],
    })
    expect(run({ command: 'rename', old_path: 'human', new_path: '/memories/human' }).failed).toBe(false)
  })

  it('fails for a block that is not there', () => {
    expect(run({ command: 'rename', old_path: 'none', new_path: 'x' }).text).toMatch(
      /^KeyError: 'Block field none /,
    )
    expect(run({ command: 'rename', path: 'none', description: 'x' }).text).toMatch(
      /^KeyError: 'Block field none /,
    )
  })

  it.each([
    {},
    { path: 'human' },
    { old_path: 'human' },
    { new_path: 'x', description: 'y' },
    { path: '', description: 'y' },
  ])('says what it needs when it gets %j', (args) => {
    expect(run({ command: 'rename', ...args }).text).toMatch(
      /^ValueError: Error: path and description are required for rename command .*, old_path and new_path /,
    )
  })
})

describe('a read-only block', () => {
  it('keeps its text, but can be taken away or get another name', () => {
    const blocks = [held('human', 'fixed', { readOnly: true })]
    const insert = { command: 'insert', path: 'human', insert_text: 'x' }
    expect(run(insert, blocks).text).toContain('read-only')
    expect(run({ command: 'delete', path: 'human' }, blocks).failed).toBe(false)
    expect(run({ command: 'rename', old_path: 'human', new_path: 'x' }, blocks).failed).toBe(false)
  })
})

describe('a path', () => {
  const spellings = ['/memories/plans/summer', '/plans/summer', 'plans/summer', '/memories//plans/summer/']

  it.each(spellings)('%s names the same block to every command', (path) => {
    const id = BLOCKS[2]?.id
    const touched = (args: ToolArguments) => run({ path, ...args }).edits.map(({ blockId }) => blockId)
    expect(touched({ command: 'str_replace', old_string: 'sea', new_string: 'hills' })).toEqual([id])
    expect(touched({ command: 'insert', insert_text: 'x' })).toEqual([id])
    expect(touched({ command: 'delete' })).toEqual([id])
    expect(touched({ command: 'rename', description: 'x' })).toEqual([id])
    expect(touched({ command: 'rename', old_path: path, new_path: 'x' })).toEqual([id])
    expect(run({ command: 'create', path, description: 'x' }).text).toContain("'plans/summer' already exists")
  })

  it.each(['/', '/memories', '/memories/'])('%s names none', (path) => {
    expect(run({ command: 'create', path, description: 'x' }).text).toMatch(
      /^ValueError: Error: path '.*' names no /,
    )
  })
})

describe('memory without what a command needs', () => {
  it.each([
    ['create', 'path', {}],
    ['create', 'path', { path: '' }],
    ['create', 'description', { path: 'x' }],
    ['create', 'description', { path: 'x', description: null }],
    ['str_replace', 'path', {}],
    ['str_replace', 'old_string', { path: 'human' }],
    ['str_replace', 'new_string', { path: 'human', old_string: 'Ann' }],
    ['insert', 'path', {}],
    ['insert', 'insert_text', { path: 'human', insert_line: 0 }],
    ['delete', 'path', {}],
  ])('%s says that it needs %s', (command, name, args) => {
    expect(run({ command, ...args }).text).toBe(
      `ValueError: Error: ${name} is required for ${command} command`,
    )
  })

  it.each(['fly', 'view', 'toString', ''])(
    'refuses the command %j, and names those that there are',
    (command) => {
      expect(run({ command }).text).toBe(
        `ValueError: Error: Unknown command '${command}'. Supported commands: create, str_replace, insert, delete, rename`,
      )
    },
  )

  it('needs a command', () => {
    expect(run({}).text).toBe("TypeError: memory() is missing 1 required argument: 'command'")
  })
})

function run(args: ToolArguments, blocks: HeldBlock[] = BLOCKS) {
  return edit(memory, blocks, args)
}
