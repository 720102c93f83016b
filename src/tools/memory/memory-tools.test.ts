import { describe, expect, it } from 'vitest'
import { edit, held } from '../../../test/held-blocks.ts'
import type { BuiltInTool, ToolArguments } from '../../domain/tool.ts'
import { memoryApplyPatch } from './apply-patch/memory-apply-patch.ts'
import { coreMemoryAppend } from './core-memory-append.ts'
import { coreMemoryReplace } from './core-memory-replace.ts'
import { memory } from './memory.ts'
import { memoryFinishEdits } from './memory-finish-edits.ts'
import { memoryInsert } from './memory-insert.ts'
import { memoryReplace } from './memory-replace.ts'
import { memoryRethink } from './memory-rethink.ts'

type Call = [name: string, tool: BuiltInTool, args: (label: string) => ToolArguments]

/** Edits that work on whatever a block holds. */
const ON_WHAT_IS_THERE: Call[] = [
  ['core_memory_append', coreMemoryAppend, (label) => ({ label, content: 'new' })],
  ['core_memory_replace', coreMemoryReplace, (label) => ({ label, old_content: 'old', new_content: 'new' })],
  ['memory_replace', memoryReplace, (label) => ({ label, old_string: 'old', new_string: 'new' })],
  ['memory_insert', memoryInsert, (label) => ({ label, new_string: 'new' })],
  ['memory_insert at -1', memoryInsert, (label) => ({ label, new_string: 'new', insert_line: -1 })],
  [
    'memory str_replace',
    memory,
    (path) => ({ command: 'str_replace', path, old_string: 'old', new_string: 'new' }),
  ],
  ['memory insert', memory, (path) => ({ command: 'insert', path, insert_text: 'new' })],
]

/** Edits that are right only for what the model has seen. */
const ON_WHAT_WAS_SEEN: Call[] = [
  ['memory_rethink', memoryRethink, (label) => ({ label, new_memory: 'new' })],
  ['memory_insert at a line', memoryInsert, (label) => ({ label, new_string: 'new', insert_line: 0 })],
  [
    'memory insert at a line',
    memory,
    (path) => ({ command: 'insert', path, insert_text: 'new', insert_line: 1 }),
  ],
  ['memory_apply_patch', memoryApplyPatch, (label) => ({ label, patch: '-old\n+new' })],
  [
    'memory_apply_patch with headers',
    memoryApplyPatch,
    (label) => ({ label: 'other', patch: `*** Update Block: ${label}\n-old\n+new` }),
  ],
]

const EDITS = [...ON_WHAT_IS_THERE, ...ON_WHAT_WAS_SEEN]

describe('every edit of a text', () => {
  it.each(EDITS)('%s returns or names what it wrote, and writes it', (_, tool, args) => {
    const { failed, memory } = edit(tool, [held('persona', 'me'), held('human', 'old')], args('human'))
    expect(failed).toBe(false)
    expect(memory.human).toContain('new')
    expect(memory.persona).toBe('me')
  })

  it.each(EDITS)('%s leaves a read-only block alone', (_, tool, args) => {
    expect(edit(tool, [held('human', 'old', { readOnly: true })], args('human'))).toMatchObject({
      text: 'ValueError: Error This block is read-only and cannot be edited.',
      edits: [],
    })
  })

  it.each(EDITS)('%s says so when there is no such block', (_, tool, args) => {
    const { text, edits } = edit(tool, [held('human', 'old'), held('persona', 'me')], args('none'))
    expect(text).toBe(
      tool === memoryApplyPatch
        ? "ValueError: Error: Memory block 'none' does not exist"
        : "KeyError: 'Block field none does not exist (available sections = human, persona)'",
    )
    expect(edits).toEqual([])
  })
})

describe('a block that somebody else has changed since it was seen', () => {
  it.each(ON_WHAT_IS_THERE)('takes %s on what it holds now', (_, tool, args) => {
    const { failed, memory } = edit(
      tool,
      [held('human', 'theirs\nold', { changedByOthers: true })],
      args('human'),
    )
    expect(failed).toBe(false)
    expect(memory.human).toMatch(/theirs[\s\S]*new/)
  })

  it.each(ON_WHAT_WAS_SEEN)('refuses %s, and shows what it holds now', (_, tool, args) => {
    const block = held('human', 'theirs\nold', { changedByOthers: true })
    const { text, edits } = edit(tool, [block], args('human'))
    expect(text).toMatch(
      /^ValueError: Nothing was edited: somebody else has changed the memory block 'human' /,
    )
    expect(text.endsWith('\ntheirs\nold')).toBe(true)
    expect(edits).toEqual([])
  })
})

describe('what is refused comes in one order', () => {
  const NUMBERED = '1→ a'
  const BANNER = '# NOTE: Line numbers are shown'

  it('the block before the argument', () => {
    const args = { label: 'human', new_string: NUMBERED }
    expect(edit(memoryInsert, [held('human', '', { readOnly: true })], args).text).toContain('read-only')
    expect(edit(memoryInsert, [], args).text).toContain('does not exist')
  })

  it('line numbers before the warning, and both before the tool’s own reasons', () => {
    const insert = (new_string: string) =>
      edit(memoryInsert, [held('human', 'a')], { label: 'human', new_string, insert_line: 99 }).text
    expect(insert(`${NUMBERED}\n${BANNER}`)).toContain('line number prefix')
    expect(insert(BANNER)).toContain('line number warning')
    expect(insert('fine')).toContain('Invalid `insert_line`')
  })

  it('the old text before the new one, of which only the numbers are refused', () => {
    const replace = (old_string: string, new_string: string) =>
      edit(memoryReplace, [held('human', 'a')], { label: 'human', old_string, new_string }).text
    expect(replace(NUMBERED, NUMBERED)).toMatch(/^ValueError: old_string contains a line number prefix/)
    expect(replace('a', NUMBERED)).toMatch(/^ValueError: new_string contains a line number prefix/)
    expect(replace(BANNER, 'a')).toMatch(/^ValueError: old_string contains a line number warning/)
    expect(replace('a', BANNER)).toBe(BANNER)
  })

  it('with the names of the command’s own arguments', () => {
    const insert = (insert_text: string) =>
      edit(memory, [held('human', 'a')], { command: 'insert', path: 'human', insert_text }).text
    expect(insert(NUMBERED)).toMatch(/^ValueError: insert_text contains a line number prefix/)
    expect(insert(BANNER)).toMatch(/^ValueError: insert_text contains a line number warning/)
  })
})

describe('core_memory_append', () => {
  it('begins a new line, also in an empty block', () => {
    expect(edit(coreMemoryAppend, [held('human', 'Ann')], { label: 'human', content: 'tea' }).text).toBe(
      'Ann\ntea',
    )
    expect(edit(coreMemoryAppend, [held('human', '')], { label: 'human', content: 'x' }).text).toBe('\nx')
  })

  it('takes numbers and tabs as they are', () => {
    const content = '1→ a\tb'
    expect(edit(coreMemoryAppend, [held('human', 'x')], { label: 'human', content }).text).toBe(
      `x\n${content}`,
    )
  })
})

describe('core_memory_replace', () => {
  const replace = (value: string, old_content: string, new_content: string) =>
    edit(coreMemoryReplace, [held('human', value)], { label: 'human', old_content, new_content }).text

  it('replaces every occurrence, to the letter', () => {
    expect(replace('one two one', 'one', '1')).toBe('1 two 1')
    expect(replace('a\tb', 'a\tb', '$&')).toBe('$&')
  })

  it('removes with an empty text', () => {
    expect(replace('one two', ' two', '')).toBe('one')
  })

  it.each(['zzz', ''])('refuses %j, which is not in the block', (text) => {
    expect(replace('one', text, 'x')).toBe(
      `ValueError: Old content '${text}' not found in memory block 'human'`,
    )
  })
})

describe('memory_replace and memory_insert', () => {
  it('work on tabs as they are shown, and store them so', () => {
    const blocks = [held('human', 'a\tb')]
    const args = { label: 'human', old_string: 'a       b', new_string: 'c' }
    expect(edit(memoryReplace, blocks, args).text).toBe('c')
    expect(edit(memoryInsert, blocks, { label: 'human', new_string: '\tx' }).text).toBe(
      'a       b\n        x',
    )
  })

  it('take null for a place that was not given', () => {
    const args = { label: 'human', new_string: 'x', insert_line: null }
    expect(edit(memoryInsert, [held('human', 'a')], args).text).toBe('a\nx')
  })
})

describe('memory_rethink', () => {
  it('writes the whole block, and may empty it', () => {
    const rethink = (new_memory: string) =>
      edit(memoryRethink, [held('human', 'a')], { label: 'human', new_memory })
    expect(rethink('All\tnew.')).toMatchObject({ text: 'All     new.', memory: { human: 'All     new.' } })
    expect(rethink('')).toMatchObject({ text: '', failed: false, memory: { human: '' } })
  })
})

describe('an edit that changes nothing', () => {
  it('writes nothing', () => {
    const { text, edits } = edit(memoryRethink, [held('human', 'a')], { label: 'human', new_memory: 'a' })
    expect(text).toBe('a')
    expect(edits).toEqual([])
  })
})

describe('a text over the limit of its block', () => {
  it('is written: the limit is there to be seen', () => {
    const { text } = edit(memoryInsert, [held('human', 'short', { limit: 8 })], {
      label: 'human',
      new_string: 'long line',
    })
    expect(text).toBe('short\nlong line')
  })
})

describe('memory_finish_edits', () => {
  it('does nothing', async () => {
    if (memoryFinishEdits.tool.effect !== 'reads') throw new Error('it edits nothing')
    expect(await memoryFinishEdits.tool.run({}, {} as never)).toEqual({ ok: true, output: 'None' })
  })
})
