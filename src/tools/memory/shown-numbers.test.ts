import { describe, expect, it } from 'vitest'
import { LINE_NUMBER_WARNING } from '../../loop/prompt/compile-prompt.ts'
import { refuseBanner, refuseLineNumbers, refuseNumbersInPatch } from './shown-numbers.ts'

describe('line numbers that are only shown', () => {
  it.each(['  12→ text', 'a\n\t3→ c', '1→'])('are refused in %j', (text) => {
    expect(() => refuseLineNumbers('new_string', text)).toThrow(
      /^new_string contains a line number prefix, which is not allowed\. /,
    )
  })

  it.each(['x 1→', '1: a', 'Line 1: a', '', '→'])('are not what %j begins with', (text) => {
    expect(() => refuseLineNumbers('new_string', text)).not.toThrow()
  })

  it.each(['1→ a', ' 1→ a', '+1→ a', '-\t2→ a', '@@\n   3→ a'])('are refused in the patch %j', (patch) => {
    expect(() => refuseNumbersInPatch(patch)).toThrow(/^Patch contains a line number prefix, /)
  })
})

describe('the warning that the prompt shows above them', () => {
  it('is refused wherever it stands', () => {
    expect(() => refuseBanner('new_memory', `a\n${LINE_NUMBER_WARNING}\nb`)).toThrow(
      /^new_memory contains a line number warning, which is not allowed\. /,
    )
    expect(() => refuseNumbersInPatch(` a\n+${LINE_NUMBER_WARNING}`)).toThrow(
      /^Patch contains the line number warning banner, /,
    )
    expect(() => refuseBanner('new_memory', 'a note: line numbers')).not.toThrow()
  })
})
