import { z } from 'zod'
import type { Config } from './config.ts'
import type { EngineDeps } from './worker/deps.ts'
import type { Observe } from './worker/observation.ts'

/** How long the service may take, in milliseconds. */
const CHECK_MS = 5_000

const Verdict = z.object({ hasMoreCredits: z.boolean().default(true) })

/**
 * Asks the operator's service whether an organisation has credit for another step. An explicit "no" counts; a service
 * that is away or slow stops nobody's agents, unless the operator wants it to.
 */
export function createCredits(config: Config, observe: Observe): EngineDeps['hasCredits'] {
  const { creditsMode, creditsEndpoint, creditsKey, creditsFailClosed, creditsCacheMs } = config
  const known = new Map<string, { untilMs: number; has: boolean }>()
  if (creditsMode === 'off' || creditsEndpoint === null) return async () => true

  return async function hasCredits(organizationId, agentId, signal) {
    const key = `${organizationId}/${agentId}`
    const cached = known.get(key)
    if (cached && performance.now() < cached.untilMs) return cached.has || creditsMode === 'observe'
    const has = await ask(organizationId, agentId, signal)
    if (has === null) return !creditsFailClosed || creditsMode === 'observe'
    known.delete(key)
    known.set(key, { untilMs: performance.now() + creditsCacheMs, has })
    forgetOldest()
    if (!has) observe({ type: 'credit_denied', organizationId, agentId, enforced: creditsMode !== 'observe' })
    return has || creditsMode === 'observe'
  }

  /** Null: it could not be asked, or nobody wants to know any more. */
  async function ask(organizationId: string, agentId: string, signal: AbortSignal): Promise<boolean | null> {
    try {
      const url = `${creditsEndpoint}/validate/core-organizations/${organizationId}/agents/${agentId}`
      const response = await fetch(url, {
        headers: { authorization: `Bearer ${creditsKey ?? ''}` },
        signal: AbortSignal.any([signal, AbortSignal.timeout(CHECK_MS)]),
      })
      if (!response.ok) throw new Error(`it answered ${response.status}`)
      return Verdict.parse(await response.json()).hasMoreCredits
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (!signal.aborted) observe({ type: 'notice', text: `credit could not be checked: ${why}` })
      return null
    }
  }

  /** The oldest answer is the first: the map keeps the order in which they came. */
  function forgetOldest(): void {
    const [oldest] = known
    if (oldest && oldest[1].untilMs < performance.now()) known.delete(oldest[0])
  }
}
