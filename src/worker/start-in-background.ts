import type { Actor } from '../domain/actor.ts'
import type { AgentId, RunId } from '../domain/id.ts'
import type { InputItem } from '../domain/input.ts'
import type { JsonObject } from '../domain/json.ts'
import type { TurnOptions } from '../domain/turn.ts'
import { getAgentTarget } from '../store/scopes.ts'
import { admit, type Send } from './admit.ts'
import type { EngineDeps } from './deps.ts'
import type { OutboundGuard } from './outbound-guard.ts'
import { prepareInput } from './prepare-input.ts'
import { modelFor } from './request-model.ts'
import { refuseUnknownToOldTypes, requestConfigOf, turnRequestOf } from './turn-request.ts'
import type { Worker } from './worker.ts'

/** A request that the server makes for somebody who is not waiting. */
export type BackgroundSend = {
  actor: Actor
  agentId: AgentId
  /** Each has an otid. A second request with one of them gets the run of the first, if it is the same request. */
  items: InputItem[]
  bodyHash: string
  options: TurnOptions
  callbackUrl: string | null
  metadata: JsonObject
  note?: Send['note']
}

/**
 * Sends to an agent's default conversation, behind whatever is there. Faults: not_found for the agent, coded_not_found for a
 * model, bad_request for what the agent's type never had, and those of `admit`.
 */
export async function startInBackground(
  deps: EngineDeps,
  worker: Worker,
  guard: OutboundGuard,
  send: BackgroundSend,
): Promise<RunId> {
  const { actor, agentId, options } = send
  const target = await getAgentTarget(deps.db, actor.organizationId, agentId)
  refuseUnknownToOldTypes(target, options)
  const overrideModel = await modelFor(deps, target, options.overrideModel)
  const model = (overrideModel ?? target.config).model
  const { runId } = await admit(deps, worker, {
    actor,
    agent: { ...target, id: agentId },
    conversationId: target.conversationId,
    input: await prepareInput(send.items, target.timezone, model, guard),
    request: turnRequestOf(options, {
      transport: 'async',
      agentType: target.agentType,
      streamTokens: false,
      overrideModel,
      user: actor.userId,
    }),
    policy: 'enqueue',
    background: true,
    metadata: send.metadata,
    requestConfig: requestConfigOf(options),
    callbackUrl: send.callbackUrl,
    bodyHash: send.bodyHash,
    isRetry: false,
    ...(send.note && { note: send.note }),
  })
  return runId
}
