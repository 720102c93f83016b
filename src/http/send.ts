import { createHash } from 'node:crypto'
import type { Actor } from '../domain/actor.ts'
import type { MessagePolicy } from '../domain/conversation.ts'
import { Fault } from '../domain/fault.ts'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { JsonObject } from '../domain/json.ts'
import type { LlmConfig } from '../domain/model.ts'
import { withModelSettings } from '../domain/model-settings.ts'
import { speaksThroughTool } from '../domain/speech.ts'
import type { Origin, Transport, TurnRequest } from '../domain/turn.ts'
import { readScopeFacts, type Target } from '../store/scopes.ts'
import { type Admitted, admit } from '../worker/admit.ts'
import { conversationBusy, outcomeOf } from '../worker/conflicts.ts'
import { checkAddress, type OutboundGuard } from '../worker/outbound-guard.ts'
import { prepareInput } from '../worker/prepare-input.ts'
import { answerOfRun } from '../worker/run-answer.ts'
import { waitForRun } from '../worker/wait-run.ts'
import type { HttpDeps } from './deps.ts'
import type { Asked } from './route.ts'
import { type Answer, failedAnswer } from './run-failure.ts'
import type { SendBody } from './schemas/send.ts'
import { toWireAnswer } from './wire/answer.ts'

/** A request to an agent, from whichever route. */
export type SendCommand = {
  actor: Actor
  target: Target
  body: SendBody
  transport: Transport
  /** What the route does when the turn is taken, unless the conversation says otherwise. */
  policy: MessagePolicy
  /** Says in the run's metadata which way it came. */
  runType: string
  background: boolean
  isRetry: boolean
  origin: Origin
}

type SendAsked = Pick<Asked<unknown, unknown, unknown>, 'actor' | 'c'>

/** What all ways of sending to an agent's default conversation have in common. */
export function commandOf(
  asked: SendAsked,
  target: Target,
  body: SendBody,
  way: Pick<SendCommand, 'transport' | 'runType' | 'background'>,
): SendCommand {
  return {
    actor: asked.actor,
    target,
    body,
    policy: 'enqueue',
    ...senderOf(asked),
    ...way,
  }
}

/** What the headers say of the sender. */
export function senderOf({ c }: Pick<SendAsked, 'c'>): Pick<SendCommand, 'isRetry' | 'origin'> {
  return {
    isRetry: Number(c.req.header('x-stainless-retry-count') ?? 0) > 0,
    origin: { requestId: c.req.header('x-api-request-log-id') ?? null, ...c.get('trace') },
  }
}

/** Takes the request in. Faults: coded_not_found for a model, and those of `admit`. */
export async function startSend(deps: HttpDeps, command: SendCommand): Promise<Admitted> {
  const { actor, target, body } = command
  const { engine } = deps
  refuseUnknownToOldTypes(target, body)
  const overrideModel = await modelFor(deps, target, body.overrideModel)
  const model = (overrideModel ?? target.config).model
  if (engine.refusesWithoutCredit) await checkCredit(deps, command)
  if (body.callbackUrl !== null) await checkCallbackUrl(body.callbackUrl, engine.guard)
  const input = await prepareInput(body.items, target.timezone, model, engine.guard)
  const admitted = await admit(engine.deps, engine.worker, {
    actor,
    agent: {
      id: target.agentId,
      projectId: target.projectId,
      templateId: target.templateId,
      baseTemplateId: target.baseTemplateId,
    },
    conversationId: target.conversationId,
    input,
    request: requestOf(command, overrideModel),
    policy: command.transport === 'async' ? 'enqueue' : (target.messagePolicy ?? command.policy),
    background: command.background,
    metadata: { run_type: command.runType, ...(command.transport === 'async' && { lettuce: null }) },
    requestConfig: configOf(body),
    callbackUrl: body.callbackUrl,
    bodyHash: hashOf(body),
    isRetry: command.isRetry,
  })
  if (command.transport !== 'async' && admitted.waiting) withdrawLater(deps, command, admitted.runId)
  return admitted
}

/** What agents of the older types never had. Faults: bad_request. */
export function refuseUnknownToOldTypes(
  { agentType, isDefault }: Pick<Target, 'agentType' | 'isDefault'>,
  { clientTools }: Pick<SendBody, 'clientTools'>,
): void {
  if (!speaksThroughTool(agentType)) return
  if (!isDefault)
    throw new Fault(
      'bad_request',
      `Conversations are not supported for agents of type ${agentType}: send to the agent itself.`,
    )
  if (clientTools.length > 0)
    throw new Fault('bad_request', `client_tools are not supported for agents of type ${agentType}.`)
}

/**
 * What is asked for, whatever the way of asking: who comes again on another way, or wants to see other parts of the answer,
 * means the same run.
 */
function hashOf(body: SendBody): string {
  const { streaming, streamTokens, includePings, background, agentId, returnTypes, ...meant } = body
  return createHash('sha256').update(JSON.stringify(meant)).digest('hex')
}

/** Faults: payment_required. */
async function checkCredit({ engine }: HttpDeps, { actor, target }: SendCommand): Promise<void> {
  const never = new AbortController().signal
  if (await engine.deps.hasCredits(actor.organizationId, target.agentId, never)) return
  const members = { error_code: 'INSUFFICIENT_CREDITS' }
  throw new Fault('payment_required', 'The organization has no credits left.', members)
}

/** An address that would be refused at the run's end is refused now. Faults: unprocessable. */
export async function checkCallbackUrl(url: string, guard: OutboundGuard): Promise<void> {
  await checkAddress(url, guard).catch((error: unknown) => {
    throw error instanceof Fault ? new Fault('unprocessable', error.message, { trace_id: '' }) : error
  })
}

/** A caller does not wait for ever: a message that has not had its turn by then is taken back. */
function withdrawLater(deps: HttpDeps, command: SendCommand, runId: RunId): void {
  const { observe, settings } = deps.engine.deps
  const timer = setTimeout(() => {
    withdraw(deps, command, runId).catch((error: unknown) => {
      observe({ type: 'database_trouble', what: `withdrawing ${runId}`, error })
    })
  }, settings.waitMs)
  timer.unref()
}

async function withdraw(deps: HttpDeps, { actor, target }: SendCommand, runId: RunId): Promise<void> {
  const { organizationId } = actor
  const scope = { organization_id: organizationId, id: target.conversationId }
  const { activeRunId } = await readScopeFacts(deps.db, scope)
  await deps.engine.worker.withdraw(organizationId, runId, outcomeOf(conversationBusy(activeRunId)))
}

/** Waits for a run's end, and answers with the whole answer as one JSON body. */
export async function waitForAnswer(
  deps: HttpDeps,
  organizationId: OrganizationId,
  runId: RunId,
  gone: AbortSignal,
): Promise<Answer> {
  const ended = await waitForRun(deps.engine.deps, organizationId, runId, gone)
  if (!ended) return { status: 499, body: { detail: 'The client has closed the request' } }
  const answer = await answerOfRun(deps.db, organizationId, runId, ended.usage)
  return failedAnswer(answer.run, ended.error) ?? { status: 200, body: toWireAnswer(answer.run, answer) }
}

function requestOf(
  { actor, target, body, transport, origin }: SendCommand,
  overrideModel: LlmConfig | null,
): Omit<TurnRequest, 'input'> {
  return {
    transport,
    stepsMax: body.stepsMax,
    streamTokens: body.streamTokens,
    returnTypes: body.returnTypes,
    speaksThroughTool: speaksThroughTool(target.agentType),
    useAssistantMessage: body.useAssistantMessage,
    assistantToolName: body.assistantToolName,
    assistantToolKwarg: body.assistantToolKwarg,
    clientTools: body.clientTools,
    clientSkills: body.clientSkills,
    overrideModel,
    overrideSystem: body.overrideSystem,
    includeCompactionMessages: body.includeCompactionMessages,
    tends: null,
    depth: 0,
    waitingAgents: [],
    user: actor.userId,
    billing: null,
    origin,
  }
}

/** The four options that the old server kept of a request. */
function configOf(body: SendBody): JsonObject {
  return {
    use_assistant_message: body.useAssistantMessage,
    assistant_message_tool_name: body.assistantToolName,
    assistant_message_tool_kwarg: body.assistantToolKwarg,
    include_return_message_types: body.returnTypes,
  }
}

/**
 * The model of one request: its own, or the conversation's with the conversation's settings. The agent's window is a
 * bound. Null: the agent's model as it is.
 */
export async function modelFor(
  deps: Pick<HttpDeps, 'catalog'>,
  target: Target,
  own: string | null,
): Promise<LlmConfig | null> {
  if (own !== null) return boundedModel(deps, target, own)
  const { conversationModel, conversationSettings } = target
  const model = conversationModel === null ? null : await boundedModel(deps, target, conversationModel)
  return conversationSettings ? withModelSettings(model ?? target.config, conversationSettings) : model
}

async function boundedModel(
  deps: Pick<HttpDeps, 'catalog'>,
  target: Target,
  handle: string,
): Promise<LlmConfig> {
  const listing = await deps.catalog.findModel(handle)
  if (!listing) throw await unknownHandle(deps, handle)
  const { config } = listing
  return {
    ...config,
    context_window: Math.min(config.context_window, target.config.context_window),
    parallel_tool_calls: target.config.parallel_tool_calls,
  }
}

export async function unknownHandle(deps: Pick<HttpDeps, 'catalog'>, handle: string): Promise<Fault> {
  const handles = (await deps.catalog.listModels()).map((listing) => `'${listing.handle}'`)
  return new Fault('coded_not_found', `Handle ${handle} not found, must be one of [${handles.join(', ')}]`)
}
