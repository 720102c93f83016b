import { parseArgs } from 'node:util'
import type { DoctorDeps } from '../doctor/check.ts'
import { CHECKS } from '../doctor/checks.ts'
import { type Examined, examine } from '../doctor/examine.ts'
import { type Undone, undoRepair } from '../store/repairs.ts'
import { inTransaction } from '../store/transaction.ts'

export type Order = { type: 'look' } | { type: 'repair' } | { type: 'undo'; repair: number }

/** What the command line asks for. Undefined: it makes no sense. */
export function orderOf(args: string[]): Order | undefined {
  try {
    const { values } = parseArgs({ args, options: { repair: { type: 'boolean' }, undo: { type: 'string' } } })
    if (values.undo === undefined) return { type: values.repair ? 'repair' : 'look' }
    const repair = Number(values.undo)
    return Number.isInteger(repair) && repair > 0 && !values.repair ? { type: 'undo', repair } : undefined
  } catch {
    return undefined
  }
}

/** Carries out the order, says what it finds, and returns the exit status: 0 all is well, 1 something is left. */
export async function runDoctor(deps: DoctorDeps, order: Order, say: (line: string) => void): Promise<0 | 1> {
  if (order.type !== 'undo') return look(deps, order.type === 'repair', say)
  const undone = await inTransaction(deps.db, (tx) => undoRepair(tx, order.repair))
  say(`Repair ${order.repair}: ${UNDONE[undone]}`)
  return undone === 'undone' ? 0 : 1
}

const UNDONE: Record<Undone, string> = {
  undone: 'taken back',
  unknown: 'there is no such repair',
  undone_before: 'was taken back before',
  not_possible: 'cannot be taken back',
  changed_since: 'what it mended has changed since, so it was left as it is',
}

async function look(deps: DoctorDeps, repair: boolean, say: (line: string) => void): Promise<0 | 1> {
  let found = 0
  let left = 0
  let check = ''
  for await (const examined of examine(deps, repair)) {
    if (examined.check.name !== check) say(`${examined.check.about} (${examined.check.name})`)
    check = examined.check.name
    found += 1
    if (examined.outcome.type === 'found' || examined.outcome.type === 'failed') left += 1
    say(`  ${lineOf(examined)}`)
  }
  if (found === 0) say(`Nothing is wrong: ${CHECKS.length} kinds of trouble were looked for.`)
  else if (!repair) say(`${found} found. Nothing was changed; \`perdure doctor --repair\` mends them.`)
  else say(`${found} found, ${left} left.`)
  return left === 0 ? 0 : 1
}

function lineOf({ finding, outcome }: Examined): string {
  const line = `${finding.subject} ${finding.text}`
  switch (outcome.type) {
    case 'found':
      return line
    case 'gone':
      return `${line}: no longer so`
    case 'failed':
      return `${line}: could not be repaired: ${outcome.why}`
    case 'repaired':
      return `${line}: repaired${outcome.undoable ? `; \`perdure doctor --undo ${outcome.repair}\` takes it back` : ''}`
  }
}
