import type { Actor } from '../domain/actor.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Target } from '../store/scopes.ts'
import { findOpenApproval } from '../store/scopes.ts'
import { pendingApproval } from '../worker/conflicts.ts'
import { prepareInput } from '../worker/prepare-input.ts'
import { previewTurn } from '../worker/preview-turn.ts'
import { modelFor } from '../worker/request-model.ts'
import { refuseUnknownToOldTypes } from '../worker/turn-request.ts'
import type { HttpDeps } from './deps.ts'
import type { SendBody } from './schemas/send.ts'

/** The provider's request for a turn, without the turn. Faults: pending_approval, and those of the input. */
export async function previewRequest(
  deps: HttpDeps,
  actor: Actor,
  target: Target,
  body: SendBody,
): Promise<JsonObject> {
  const { engine } = deps
  refuseUnknownToOldTypes(target, body)
  const overrideModel = await modelFor(deps, target, body.overrideModel)
  const input = await prepareInput(body.items, target.timezone, target.config.model, engine.guard)
  const open = await findOpenApproval(deps.db, {
    organization_id: actor.organizationId,
    id: target.conversationId,
  })
  if (open && !input.answer) throw pendingApproval(open.message_id)
  return previewTurn(deps.db, deps.catalog, actor.organizationId, target, {
    input: input.messages,
    overrideModel,
    overrideSystem: body.overrideSystem,
    clientTools: body.clientTools,
    clientSkills: body.clientSkills,
    streamTokens: body.streamTokens,
    user: actor.userId,
  })
}
