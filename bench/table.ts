/** One line of what is printed. `aim`: the most (or with `atLeast` the least) that the figure should be. */
export type Figure = {
  what: string
  value: number
  unit: string
  aim?: number | undefined
  atLeast?: boolean
}

/** Prints figures below a title; says of each that has an aim whether it is met. */
export function printFigures(title: string, figures: Figure[]): void {
  const lines = figures.map((figure) => [figure.what, shown(figure.value, figure.unit), aimOf(figure)])
  console.log(`\n${title}\n`)
  for (const line of aligned([['', 'measured', 'aim'], ...lines])) console.log(line)
}

/** Columns as wide as their widest cell; the first is left, the others right. */
export function aligned(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('   ')
      .trimEnd(),
  )
}

export function shown(value: number, unit: string): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return `${value.toFixed(digits)} ${unit}`
}

function aimOf({ value, unit, aim, atLeast }: Figure): string {
  if (aim === undefined) return ''
  const isMet = atLeast ? value >= aim : value <= aim
  return `${atLeast ? '≥' : '≤'} ${aim} ${unit} ${isMet ? 'met' : 'NOT MET'}`
}
