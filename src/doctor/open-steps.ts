import type { StepId } from '../domain/id.ts'
import { closeStep, readOpenSteps } from '../store/broken-runs.ts'
import type { Check } from './check.ts'

/** A step that never ended though its run has: it would count as under way for ever. */
export const openSteps: Check = {
  name: 'open-steps',
  about: 'Unfinished steps and calls of ended runs',
  async find(db) {
    const found = await readOpenSteps(db)
    return found.map(({ organizationId, stepId, runId, calls }) => ({
      organizationId,
      subject: stepId,
      text: `has not ended, but its run ${runId ?? '(deleted)'} has${calls > 0 ? `; ${calls} of its calls count as under way` : ''}`,
    }))
  },
  async repair(_deps, tx, { subject }) {
    const [found] = await readOpenSteps(tx, subject as StepId)
    return found && { undo: await closeStep(tx, found) }
  },
}
