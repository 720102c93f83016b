import { saveRepair } from '../store/repairs.ts'
import { inTransaction } from '../store/transaction.ts'
import type { Check, DoctorDeps, Finding } from './check.ts'
import { CHECKS } from './checks.ts'

/** What became of a finding. `gone`: it was right again when it was to be repaired. */
export type Outcome =
  | { type: 'found' }
  | { type: 'repaired'; repair: number; undoable: boolean }
  | { type: 'gone' }
  | { type: 'failed'; why: string }

export type Examined = { check: Check; finding: Finding; outcome: Outcome }

/** Looks for everything that is known to break; repairs it if it is told to, each finding in a transaction of its own. */
export async function* examine(deps: DoctorDeps, repair: boolean): AsyncGenerator<Examined, void> {
  for (const check of CHECKS) {
    for await (const finding of await check.find(deps.db)) {
      yield { check, finding, outcome: repair ? await repairOne(deps, check, finding) : { type: 'found' } }
    }
  }
}

async function repairOne(deps: DoctorDeps, check: Check, finding: Finding): Promise<Outcome> {
  try {
    return await inTransaction(deps.db, async (tx) => {
      const repaired = await check.repair(deps, tx, finding)
      if (!repaired) return { type: 'gone' }
      const { subject, text } = finding
      const id = await saveRepair(tx, { check: check.name, subject, text, undo: repaired.undo })
      return { type: 'repaired', repair: id, undoable: repaired.undo !== null }
    })
  } catch (error) {
    // One row that cannot be repaired must not keep the others from it.
    return { type: 'failed', why: error instanceof Error ? error.message : String(error) }
  }
}
