import { abandonedRuns } from './abandoned-runs.ts'
import type { Check } from './check.ts'
import { danglingCalls } from './dangling-calls.ts'
import { forgottenRuns } from './forgotten-runs.ts'
import { leakedTurns } from './leaked-turns.ts'
import { lostApprovals } from './lost-approvals.ts'
import { openSteps } from './open-steps.ts'
import { orphanedReturns } from './orphaned-returns.ts'
import { wrongMembers } from './wrong-members.ts'

/** In the order in which they are repaired: runs and turns first, since contexts are only mended while nobody uses them. */
export const CHECKS: Check[] = [
  abandonedRuns,
  leakedTurns,
  lostApprovals,
  forgottenRuns,
  openSteps,
  wrongMembers,
  orphanedReturns,
  danglingCalls,
]
