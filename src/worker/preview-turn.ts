import type { OrganizationId } from '../domain/id.ts'
import { newId } from '../domain/id.ts'
import type { JsonObject } from '../domain/json.ts'
import type { ModelCatalog } from '../domain/model.ts'
import type { TurnRequest } from '../domain/turn.ts'
import { buildRequest } from '../loop/build-request.ts'
import { configOf, offerTools } from '../loop/offer-tools.ts'
import { promptUpdate, withPrompt } from '../loop/refresh-prompt.ts'
import type { LoopState } from '../loop/state.ts'
import { USAGE_NONE } from '../loop/tokens.ts'
import { readContext } from '../store/messages.ts'
import { readPicture } from '../store/pictures.ts'
import type { Db } from '../store/schema.ts'
import type { Target } from '../store/scopes.ts'
import { innerRequest } from './inner-request.ts'
import { asMended } from './store-prompt.ts'

type PreviewRequest = Pick<
  TurnRequest,
  'input' | 'overrideModel' | 'overrideSystem' | 'clientTools' | 'clientSkills' | 'streamTokens' | 'user'
>

/** What the model would be sent if these messages were. The same functions as in a real step; nothing is written. */
export async function previewTurn(
  db: Db,
  catalog: ModelCatalog,
  organizationId: OrganizationId,
  target: Pick<Target, 'agentId' | 'conversationId'>,
  asked: PreviewRequest,
): Promise<JsonObject> {
  const state = await stateOf(db, organizationId, target, asked)
  const current = withPrompt(state, promptUpdate(state, new Date()))
  return catalog.modelOf(configOf(current)).preview(buildRequest(current, offerTools(current)))
}

/** The state of a turn that has not begun. */
export async function stateOf(
  db: Db,
  organizationId: OrganizationId,
  target: Pick<Target, 'agentId' | 'conversationId'>,
  asked: PreviewRequest,
): Promise<LoopState> {
  const picture = await readPicture(db, organizationId, target.agentId, target.conversationId)
  const stored = await readContext(db, organizationId, target.conversationId)
  return {
    runId: newId('run'),
    request: { ...innerRequest(false), ...asked },
    agent: picture.agent,
    scope: picture.scope,
    context: [...asMended(stored, picture), ...asked.input],
    forgottenCallIds: [],
    calledBefore: [],
    unsaved: asked.input,
    followUps: [],
    answer: null,
    step: null,
    concluded: null,
    stepsDone: 0,
    usage: USAGE_NONE,
    trial: null,
    nudges: 0,
  }
}
