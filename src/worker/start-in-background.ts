import { createHash } from 'node:crypto'
import type { Actor } from '../domain/actor.ts'
import type { MessageType } from '../domain/frame.ts'
import type { AgentId, RunId } from '../domain/id.ts'
import type { InputItem } from '../domain/input.ts'
import type { JsonObject } from '../domain/json.ts'
import { speaksThroughTool } from '../domain/speech.ts'
import { getAgentTarget } from '../store/scopes.ts'
import { admit, type Send } from './admit.ts'
import type { EngineDeps } from './deps.ts'
import { innerRequest } from './inner-request.ts'
import type { OutboundGuard } from './outbound-guard.ts'
import { prepareInput } from './prepare-input.ts'
import type { Worker } from './worker.ts'

/** A request that the server makes for somebody who is not waiting. */
export type BackgroundSend = {
  actor: Actor
  agentId: AgentId
  items: InputItem[]
  stepsMax: number
  returnTypes: MessageType[] | null
  callbackUrl: string | null
  metadata: JsonObject
  /** A second request under the same key gets the run of the first. */
  key: string
  note?: Send['note']
}

/** Sends to an agent's default conversation, behind whatever is there. Faults: not_found, and those of `admit`. */
export async function startInBackground(
  deps: EngineDeps,
  worker: Worker,
  guard: OutboundGuard,
  send: BackgroundSend,
): Promise<RunId> {
  const { actor, agentId, key, stepsMax, returnTypes } = send
  const target = await getAgentTarget(deps.db, actor.organizationId, agentId)
  const items = send.items.map((item, index) => ({ ...item, otid: `${key}:${index}` }))
  const { runId } = await admit(deps, worker, {
    actor,
    agent: { ...target, id: agentId },
    conversationId: target.conversationId,
    input: await prepareInput(items, target.timezone, target.config.model, guard),
    request: {
      ...innerRequest(speaksThroughTool(target.agentType)),
      stepsMax,
      returnTypes,
      user: actor.userId,
    },
    policy: 'enqueue',
    background: true,
    metadata: send.metadata,
    requestConfig: {},
    callbackUrl: send.callbackUrl,
    bodyHash: createHash('sha256').update(key).digest('hex'),
    isRetry: false,
    ...(send.note && { note: send.note }),
  })
  return runId
}
