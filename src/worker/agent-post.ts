import { createHash } from 'node:crypto'
import { type AgentId, DEFAULT_USER, isId } from '../domain/id.ts'
import type { AgentReply } from '../domain/search.ts'
import { speaksThroughTool } from '../domain/speech.ts'
import type { ToolContext } from '../domain/tool.ts'
import { findAgentsByTags } from '../store/agents-by-tags.ts'
import { getRequest } from '../store/runs.ts'
import { getAgentTarget } from '../store/scopes.ts'
import { waitsForOneOf } from '../store/wait-circles.ts'
import { admit } from './admit.ts'
import type { EngineDeps } from './deps.ts'
import { innerRequest } from './inner-request.ts'
import { prepareInput } from './prepare-input.ts'
import { answerOfRun } from './run-answer.ts'
import { waitForRun } from './wait-run.ts'
import { type Waiting, withdraw, withdrawLater } from './withdraw-later.ts'
import type { Worker } from './worker.ts'

/** How deep agents may ask each other. */
const DEPTH_MAX = 5

function circle(agentId: string): Error {
  return new Error(`${agentId} is itself waiting for this answer: agents cannot ask each other in a circle`)
}

/**
 * Messages between agents, inside the server: a run of the other agent, started by a tool of the first. A chain of agents
 * that wait for each other is bounded, and a circle is refused at once: it could never end.
 */
export function createAgentPost(engine: () => EngineDeps, worker: () => Worker) {
  async function start(agentId: string, text: string, context: ToolContext, waits: boolean) {
    const deps = engine()
    if (!isId('agent', agentId)) throw new Error(`${agentId} is not the id of an agent`)
    const parent = await getRequest(deps.db, context.organizationId, context.runId)
    const waiting = [...parent.waitingAgents, context.agentId]
    if (waits && waiting.includes(agentId)) throw circle(agentId)
    if (parent.depth >= DEPTH_MAX) throw new Error(`agents may ask each other at most ${DEPTH_MAX} deep`)
    const target = await getAgentTarget(deps.db, context.organizationId, agentId)
    const item = {
      type: 'message' as const,
      role: 'system' as const,
      otid: `${context.executionId}:${agentId}`,
    }
    const content = [{ type: 'text' as const, text }]
    const input = await prepareInput(
      [{ ...item, content, name: null, senderId: context.agentId, groupId: null }],
      target.timezone,
      target.config.model,
      { allow: [] },
    )
    const request = {
      ...innerRequest(speaksThroughTool(target.agentType)),
      transport: waits ? ('stream' as const) : ('async' as const),
      stepsMax: parent.stepsMax,
      depth: parent.depth + 1,
      waitingAgents: waits ? waiting : [],
      user: parent.user,
    }
    const admitted = await admit(deps, worker(), {
      actor: { organizationId: context.organizationId, userId: DEFAULT_USER },
      agent: { ...target, id: agentId },
      conversationId: target.conversationId,
      input,
      request,
      policy: 'enqueue',
      background: !waits,
      metadata: { run_type: 'send_message', sender_agent_id: context.agentId },
      requestConfig: {},
      callbackUrl: null,
      bodyHash: createHash('sha256').update(text).digest('hex'),
      isRetry: false,
      parentRunId: context.runId,
      parentWaits: waits,
    })
    const { organizationId } = context
    return { ...admitted, scope: { organizationId, conversationId: target.conversationId }, chain: waiting }
  }

  /**
   * Who waits for an agent that is busy must not wait for ever: what keeps it busy may wait for the asker, when both ask at
   * once. Looked at when the question is there for all to see, so that one of the two sees the other's.
   */
  async function boundWait(agentId: string, waiting: Waiting, chain: string[]) {
    const deps = engine()
    const isCircle = await waitsForOneOf(deps.db, waiting.organizationId, waiting.runId, chain)
    if (isCircle && (await withdraw(deps, worker(), waiting))) throw circle(agentId)
    return withdrawLater(deps, worker(), waiting)
  }

  return {
    async ask(agentId: string, text: string, context: ToolContext): Promise<AgentReply> {
      const deps = engine()
      const { runId, waiting, scope, chain } = await start(agentId, text, context, true)
      const done = waiting ? await boundWait(agentId, { ...scope, runId }, chain) : () => undefined
      const ended = await waitForRun(deps, context.organizationId, runId, context.signal).finally(done)
      if (!ended) throw new Error(`${agentId} was not waited for: the run was stopped`)
      const { run, views } = await answerOfRun(deps.db, context.organizationId, runId, ended.usage)
      if (run.status !== 'completed')
        throw new Error(`${agentId} did not answer: its run ended as ${run.stopReason}`)
      return {
        agentId,
        texts: views.flatMap((view) => (view.type === 'assistant_message' ? [view.content] : [])),
      }
    },

    async tell(agentId: string, text: string, context: ToolContext): Promise<void> {
      await start(agentId, text, context, false)
    },

    async findByTags(all: string[], some: string[], context: ToolContext): Promise<AgentId[]> {
      const ids = await findAgentsByTags(engine().db, context.organizationId, all, some)
      return ids.filter((id) => id !== context.agentId)
    },
  }
}
