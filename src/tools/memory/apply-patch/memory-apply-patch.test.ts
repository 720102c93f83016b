import { describe, expect, it } from 'vitest'
import { edit, held } from '../../../../test/held-blocks.ts'
import type { HeldBlock } from '../../../domain/memory.ts'
import { memoryApplyPatch } from './memory-apply-patch.ts'

describe('a patch without headers', () => {
  it('changes the block of the label, and returns its text', () => {
    const { text, memory } = run('-Ann\n+Bo', { label: 'human' })
    expect(text).toBe('Bo')
    expect(memory.human).toBe('Bo')
  })

  it('is refused as a whole when one hunk does not fit', () => {
    expect(run('@@\n-Ann\n+Bo\n@@\n-zzz', { label: 'human' })).toMatchObject({ failed: true, edits: [] })
  })

  it('is refused with line numbers or their warning', () => {
    expect(run(' 1→ Ann\n+x', { label: 'human' }).text).toMatch(
      /^ValueError: Patch contains a line number prefix/,
    )
    expect(run('+# NOTE: Line numbers are shown', { label: 'human' }).text).toMatch(
      /^ValueError: Patch contains the line number warning banner/,
    )
  })
})

describe('a patch with headers', () => {
  it('adds, updates, renames and deletes, and lists what it did', () => {
    const patch = [
      '*** Begin Patch',
      '*** Add Block: notes',
      'Description: What I noted',
      '+first',
      '',
      '+third',
      '',
      '*** Update Block: human',
      '@@',
      '-Ann',
      '+Bo',
      '*** Move to: person',
      '*** Delete Block: persona',
      '*** End Patch',
    ].join('\n')
    const { text, memory, edits } = run(patch)
    expect(text.split('\n').slice(1)).toEqual([
      '',
      'Operations completed:',
      "- Created memory block 'notes'",
      "- Updated memory block 'human'",
      "- Renamed memory block 'human' to 'person'",
      "- Deleted memory block 'persona'",
    ])
    expect(memory).toEqual({ person: 'Bo', notes: 'first\n\nthird' })
    expect(edits[0]).toMatchObject({ type: 'create', label: 'notes', description: 'What I noted' })
  })

  it('renames after the update that it stands above', () => {
    const { memory } = run('*** Update Block: human\n*** Move to: person\n-Ann\n+Bo')
    expect(memory).toEqual({ person: 'Bo', persona: 'me' })
  })

  it('renames without an update, and what it has just added', () => {
    expect(run('*** Update Block: human\n*** Move to: person').memory).toEqual({
      person: 'Ann',
      persona: 'me',
    })
    expect(run('*** Add Block: a\n+x\n*** Move to: b').memory).toMatchObject({ b: 'x' })
    expect(run('*** Update Block: human\n*** Move to: human').failed).toBe(false)
  })

  it('goes through its operations in their order', () => {
    expect(run('*** Delete Block: human\n*** Add Block: human\n+new').memory).toEqual({
      persona: 'me',
      human: 'new',
    })
    expect(run('*** Update Block: human\n*** Move to: x\n*** Update Block: x\n-Ann\n+Bo').memory.x).toBe('Bo')
    expect(run('*** Update Block: human\n+1\n*** Update Block: human\n+2').memory.human).toBe('Ann\n1\n2')
  })

  it.each([
    ['an unknown block', '*** Update Block: none\n+x', "Error: Memory block 'none' does not exist"],
    ['an unknown block', '*** Delete Block: none', "Error: Memory block 'none' does not exist"],
    ['a block that is there', '*** Add Block: human\n+x', "Error: Memory block 'human' already exists"],
    [
      'a taken label',
      '*** Update Block: human\n*** Move to: persona',
      "Error: Memory block 'persona' already exists",
    ],
    [
      'a move of what is gone',
      '*** Delete Block: human\n*** Move to: x',
      "Error: Memory block 'human' does not exist",
    ],
    [
      'a hunk that does not fit',
      '*** Update Block: human\n-Bo',
      'Failed to apply patch: expected hunk context',
    ],
    ['a hunk that changes nothing', '*** Update Block: human\n Ann', 'No applicable hunks found in patch.'],
    ['an empty label', '*** Add Block:\n+x', '*** Add Block: must specify a non-empty label'],
    ['an empty label', '*** Update Block: \n+x', '*** Update Block: must specify a non-empty label'],
    ['an empty label', '*** Delete Block:', '*** Delete Block: must specify a non-empty label'],
    [
      'an empty label',
      '*** Update Block: human\n*** Move to: ',
      '*** Move to: must specify a non-empty label',
    ],
    ['a move of nothing', '*** Move to: x', '*** Move to: must follow an Add/Update/Delete header'],
    [
      'headers that do not begin a line',
      ' *** Delete Block: human',
      'No operations found. Provide at least one of: ',
    ],
  ])('makes nothing of %s, nor of what stands before', (_, rest, message) => {
    const first = rest.startsWith('*** Move') || rest.startsWith(' ') ? '' : '*** Add Block: before\n+x\n'
    const { text, edits } = run(first + rest)
    expect(text.startsWith(`ValueError: ${message}`)).toBe(true)
    expect(edits).toEqual([])
  })

  it('leaves the text of a read-only block alone, but may take the block away', () => {
    const blocks = [held('human', 'Ann', { readOnly: true })]
    expect(run('*** Update Block: human\n-Ann', { blocks }).text).toContain('read-only')
    expect(run('*** Delete Block: human', { blocks }).failed).toBe(false)
  })

  it('does not look at the label', () => {
    expect(run('*** Update Block: human\n-Ann\n+Bo', { label: 'persona' }).memory).toEqual({
      human: 'Bo',
      persona: 'me',
    })
  })

  it('takes lines with carriage returns', () => {
    expect(run('*** Update Block: human\r\n-Ann\r\n+Bo\r\n').memory.human).toBe('Bo')
  })

  it('makes a block of lines without marks as well', () => {
    const { memory, edits } = run('*** Add Block: notes\nplain\n+marked')
    expect(memory.notes).toBe('plain\nmarked')
    expect(edits[0]).toMatchObject({ description: '' })
  })
})

function run(patch: string, { label = 'none', blocks }: { label?: string; blocks?: HeldBlock[] } = {}) {
  return edit(memoryApplyPatch, blocks ?? [held('human', 'Ann'), held('persona', 'me')], { label, patch })
}
