import { styleText } from 'node:util'

/** How a story is told on a terminal. A claim that is not true makes the program end with status 1. */

const COLUMNS = Math.min(process.stdout.columns ?? 100, 100)
const INDENT = '          '

/** Where the line of the agent's words ends; null: none is open. */
let column: number | null = null

export function chapter(title: string): void {
  line(`\n${styleText('bold', title)}\n`)
}

/** What happens, in a sentence. */
export function tell(text: string): void {
  line(`  ${text}`)
}

/** Something that is not a sentence of the story: what somebody says, a tool call, a block, a command. */
export function show(name: string, text: string): void {
  line(`  ${styleText('dim', name.padEnd(7))} ${text.replaceAll('\n', `\n${INDENT}`)}`)
}

/** The next piece of what the agent says; its line stays open for more. */
export function showPiece(text: string): void {
  if (column === null) {
    process.stdout.write(`  ${styleText('magenta', 'agent'.padEnd(7))} `)
    column = INDENT.length
  } else if (column + text.trimEnd().length > COLUMNS) {
    process.stdout.write(`\n${INDENT}`)
    column = INDENT.length
  }
  process.stdout.write(text)
  column += text.length
}

/** A sentence about what has just been seen, checked. */
export function claim(text: string, isTrue: boolean): void {
  line(isTrue ? `  ${styleText('green', '✓')} ${text}` : `  ${styleText('red', '✗ NOT TRUE:')} ${text}`)
  if (!isTrue) process.exitCode = 1
}

function line(text: string): void {
  process.stdout.write(`${column === null ? '' : '\n'}${text}\n`)
  column = null
}
