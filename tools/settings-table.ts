import { describeSettings } from '../src/config.ts'

const HEAD = ['Variable', 'Default', 'Meaning']

/** The README's table of settings, as the formatter likes it. */
export function settingsTable(): string {
  const code = (text: string) => `\`${text}\``
  const rows = describeSettings().map(({ env, initial, about }) => [
    env.map(code).join(', '),
    initial && code(initial),
    about,
  ])
  const widths = HEAD.map((_, column) => Math.max(...[HEAD, ...rows].map((row) => row[column]?.length ?? 0)))
  const lineOf = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [HEAD, widths.map((width) => '-'.repeat(width)), ...rows].map(lineOf).join('\n')
}
