import { ToolError } from '../tool-error.ts'

/** How the lines of a block are numbered for some models. Copied into an argument, the numbers would become memory. */
const LINE_NUMBER = /^[ \t]*\d+→[ \t]*/m
/** The beginning of the notice above numbered lines. */
const BANNER = '# NOTE: Line numbers are shown'

export function refuseLineNumbers(argument: string, text: string): void {
  if (!LINE_NUMBER.test(text)) return
  throw new ToolError(
    `${argument} contains a line number prefix, which is not allowed. The numbers are only shown to you; write the lines without them.`,
  )
}

export function refuseBanner(argument: string, text: string): void {
  if (!text.includes(BANNER)) return
  throw new ToolError(
    `${argument} contains a line number warning, which is not allowed. The warning is only shown to you; leave it out.`,
  )
}

/** A patch has its marks in front of each line. */
export function refuseNumbersInPatch(patch: string): void {
  if (/^[ +-]?[ \t]*\d+→/m.test(patch)) {
    throw new ToolError(
      'Patch contains a line number prefix, which is not allowed. The numbers are only shown to you; write the lines without them.',
    )
  }
  if (!patch.includes(BANNER)) return
  throw new ToolError(
    'Patch contains the line number warning banner, which is not allowed. It is only shown to you; leave it out.',
  )
}
