import type { CompactionSettings } from '../domain/agent.ts'
import { unpack } from '../domain/envelope.ts'
import { MODEL_FAILURES } from '../domain/failure.ts'
import { Fault } from '../domain/fault.ts'
import type { OrganizationId } from '../domain/id.ts'
import { textOf } from '../domain/message.ts'
import type { LlmConfig, ModelCatalog } from '../domain/model.ts'
import { isSummary } from '../domain/view.ts'
import { monotonicNs, timestampNow, wallNs } from '../lib/clock.ts'
import { type Compacted, compactContext } from '../loop/compact-context.ts'
import type { CompactionCommit, LoopPorts, LoopState } from '../loop/state.ts'
import { findSystemMessageId, replaceContext } from '../store/contexts.ts'
import { insertMessages, updateSystemMessage } from '../store/messages.ts'
import type { Db } from '../store/schema.ts'
import { lockScope, readScopeFacts, type Target, toScope } from '../store/scopes.ts'
import { inTransaction } from '../store/transaction.ts'
import { conversationBusy } from './conflicts.ts'
import { stateOf } from './preview-turn.ts'
import { mendPrompt } from './store-prompt.ts'

export type CompactedScope = { summary: string; before: number; after: number }

export type CompactionByHand = {
  organizationId: OrganizationId
  target: Target
  /** The scope's own model; null: the agent's. */
  overrideModel: LlmConfig | null
  /** What is said for this time; the rest is the agent's. */
  settings: Partial<CompactionSettings>
}

/**
 * Compacts a scope because somebody asked for it. The summary is written with no transaction open; it is stored only if
 * the context is still the one that it was made from, and nobody has the turn. Faults: conversation_busy, bad_request.
 */
export async function compactScope(
  db: Db,
  catalog: ModelCatalog,
  { organizationId, target, overrideModel, settings }: CompactionByHand,
): Promise<CompactedScope> {
  await prepare(db, organizationId, target)
  const asked = {
    input: [],
    overrideModel,
    overrideSystem: null,
    clientTools: [],
    clientSkills: [],
    user: null,
    streamTokens: false,
  }
  const read = await stateOf(db, organizationId, target, asked)
  const state = { ...read, agent: { ...read.agent, compactionSettings: merged(read, settings) } }
  const rest = state.context.slice(1)
  if (rest.every(isSummary)) {
    const [last] = rest.slice(-1)
    const text = last && 'content' in last ? textOf(last.content) : ''
    const packed = unpack(text)?.message
    return {
      summary: typeof packed === 'string' ? packed : text,
      before: state.context.length,
      after: state.context.length,
    }
  }
  const ports = portsFor(db, catalog, organizationId, target, state)
  const events = compactContext(state, BY_HAND, ports, new AbortController().signal)
  let next = await events.next()
  while (!next.done) next = await events.next()
  return resultOf(state, next.value)
}

const BY_HAND = { trigger: 'manual' as const, stepId: null, goesOn: false }

/** A changed mode has another default prompt: the old one goes with the old mode. */
function merged(state: LoopState, settings: Partial<CompactionSettings>): Partial<CompactionSettings> {
  const own = state.agent.compactionSettings ?? {}
  const resets = settings.mode !== undefined && settings.mode !== own.mode && settings.prompt === undefined
  return { ...own, ...settings, ...(resets && { prompt: null }) }
}

function resultOf(state: LoopState, compacted: Compacted): CompactedScope {
  switch (compacted.type) {
    case 'compacted':
      return {
        summary: compacted.summary,
        before: state.context.length,
        after: compacted.state.context.length,
      }
    case 'failed': {
      const { kind, message, detail } = compacted.failure
      const code = MODEL_FAILURES[kind].status === 503 ? 'unavailable' : 'bad_request'
      throw new Fault(code, `The conversation could not be summarised: ${message} ${detail}`)
    }
    case 'useless':
    case 'system_prompt_too_large':
      throw new Fault(
        'bad_request',
        'Compaction failed: the number of messages in the context did not go down',
      )
  }
}

/** Faults: conversation_busy. */
async function prepare(db: Db, organizationId: OrganizationId, target: Target): Promise<void> {
  await inTransaction(db, async (tx) => {
    const scope = await lockScope(tx, organizationId, target.conversationId)
    const { activeRunId } = await readScopeFacts(tx, scope)
    if (activeRunId) throw conversationBusy(activeRunId)
    await mendPrompt(tx, scope)
  })
}

/** The few things that a compaction reaches for. What only a run has is not called. */
function portsFor(
  db: Db,
  catalog: ModelCatalog,
  organizationId: OrganizationId,
  target: Target,
  state: LoopState,
): LoopPorts {
  const onlyInRuns = () => Promise.reject(new Error('a compaction by hand is not a run'))
  return {
    now: () => new Date(),
    timestamp: timestampNow,
    monotonicNs,
    wallNs,
    look: onlyInRuns,
    modelOf: (config) => catalog.modelOf(config),
    configOf: async (handle) => (await catalog.findModel(handle))?.config ?? null,
    runCalls: onlyInRuns,
    commit: onlyInRuns,
    settle: onlyInRuns,
    hasCredits: async () => true,
    sleep: async () => undefined,
    noteCompactionFailed: async () => undefined,
    commitCompaction: (commit) => store(db, organizationId, target, state, commit),
  }
}

async function store(
  db: Db,
  organizationId: OrganizationId,
  target: Target,
  state: LoopState,
  commit: CompactionCommit,
) {
  return inTransaction(db, async (tx) => {
    const scope = await lockScope(tx, organizationId, target.conversationId)
    const { activeRunId } = await readScopeFacts(tx, scope)
    const isSame =
      scope.context_epoch === state.scope.contextEpoch && scope.context_length === state.scope.contextLength
    if (activeRunId || !isSame) throw conversationBusy(activeRunId)
    const owner = { organizationId, agentId: target.agentId, conversationId: target.conversationId }
    await insertMessages(tx, owner, [{ ...commit.summary, runId: null, stepId: null }])
    const systemId = await findSystemMessageId(tx, scope)
    if (systemId && commit.prompt) await updateSystemMessage(tx, organizationId, systemId, commit.prompt.text)
    const ids = [...(systemId ? [systemId] : []), commit.summary.id, ...commit.kept.map(({ id }) => id)]
    const changed = await replaceContext(tx, scope, ids, {
      stored: 1,
      contextTokens: commit.contextTokens,
      prompt: commit.prompt,
    })
    return toScope(changed)
  })
}
