import type { Config } from './config.ts'
import { Fault } from './domain/fault.ts'
import type { Observe } from './worker/observation.ts'

/** How long the service may take, and how long its word is good for, in milliseconds. */
const CHECK_MS = 5_000
const CACHE_MS = 5_000

type Verdict = { at: number; answer: Promise<boolean> }

/**
 * Asks the operator's service whether an organisation has credit for another step. Only an explicit "no" counts: a
 * service that is away or slow must not stop anybody's agents.
 */
export function createCredits(config: Config, observe: Observe) {
  const verdicts = new Map<string, Verdict>()
  const { creditsMode, creditsEndpoint, creditsKey } = config

  return async function hasCredits(organizationId: string, agentId: string): Promise<boolean> {
    if (creditsMode === 'off' || creditsEndpoint === null) return true
    const key = `${organizationId}/${agentId}`
    const known = verdicts.get(key)
    const verdict =
      known && Date.now() - known.at < CACHE_MS
        ? known
        : { at: Date.now(), answer: ask(organizationId, agentId) }
    verdicts.set(key, verdict)
    const has = await verdict.answer
    if (!has && creditsMode === 'observe')
      observe({ type: 'notice', text: `${organizationId} has no credit (observed only)` })
    return has || creditsMode === 'observe'
  }

  async function ask(organizationId: string, agentId: string): Promise<boolean> {
    try {
      const url = `${creditsEndpoint}/validate/core-organizations/${organizationId}/agents/${agentId}`
      const response = await fetch(url, {
        headers: { authorization: `Bearer ${creditsKey ?? ''}` },
        signal: AbortSignal.timeout(CHECK_MS),
      })
      if (!response.ok) return true
      const body = (await response.json()) as { hasMoreCredits?: boolean }
      return body.hasMoreCredits ?? true
    } catch (error) {
      observe({
        type: 'notice',
        text: `credits could not be checked: ${error instanceof Error ? error.message : error}`,
      })
      return true
    }
  }
}

export function noCredits(): Fault {
  return new Fault('payment_required', 'The organisation has no credit left.')
}
