import { createHash } from 'node:crypto'
import type { Actor } from '../domain/actor.ts'
import type { MessagePolicy } from '../domain/conversation.ts'
import { Fault } from '../domain/fault.ts'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { Origin, Transport, TurnOptions } from '../domain/turn.ts'
import type { Target } from '../store/scopes.ts'
import { type Admitted, admit } from '../worker/admit.ts'
import { checkAddress, type OutboundGuard } from '../worker/outbound-guard.ts'
import { prepareInput } from '../worker/prepare-input.ts'
import { modelFor } from '../worker/request-model.ts'
import { answerOfRun } from '../worker/run-answer.ts'
import { refuseUnknownToOldTypes, requestConfigOf, turnRequestOf } from '../worker/turn-request.ts'
import { waitForRun } from '../worker/wait-run.ts'
import { withdrawLater } from '../worker/withdraw-later.ts'
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
  const { actor, target, body, transport } = command
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
    request: turnRequestOf(optionsOf(body), {
      transport,
      agentType: target.agentType,
      streamTokens: body.streamTokens,
      overrideModel,
      user: actor.userId,
      origin: command.origin,
    }),
    policy: transport === 'async' ? 'enqueue' : (target.messagePolicy ?? command.policy),
    background: command.background,
    metadata: { run_type: command.runType, ...(transport === 'async' && { lettuce: null }) },
    requestConfig: requestConfigOf(body),
    callbackUrl: body.callbackUrl,
    bodyHash: bodyHashOf(body),
    isRetry: command.isRetry,
  })
  if (transport !== 'async' && admitted.waiting) {
    const { conversationId } = target
    const waiting = { organizationId: actor.organizationId, conversationId, runId: admitted.runId }
    withdrawLater(engine.deps, engine.worker, waiting)
  }
  return admitted
}

/**
 * What is asked for, whatever the way of asking: who comes again on another way, or wants to see other parts of the answer,
 * means the same run.
 */
export function bodyHashOf(body: SendBody): string {
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

/** Those of a body's members that a turn depends on. */
export function optionsOf(body: TurnOptions): TurnOptions {
  return {
    stepsMax: body.stepsMax,
    returnTypes: body.returnTypes,
    useAssistantMessage: body.useAssistantMessage,
    assistantToolName: body.assistantToolName,
    assistantToolKwarg: body.assistantToolKwarg,
    clientTools: body.clientTools,
    clientSkills: body.clientSkills,
    overrideModel: body.overrideModel,
    overrideSystem: body.overrideSystem,
    includeCompactionMessages: body.includeCompactionMessages,
  }
}
