import type { ConversationId, MessageId } from '../domain/id.ts'
import { formatLocalTime } from '../domain/local-time.ts'
import { type Message, newHead, type ToolReturn } from '../domain/message.ts'
import { timestampNow } from '../lib/clock.ts'
import { replaceContext } from '../store/contexts.ts'
import { insertMessages } from '../store/messages.ts'
import type { Db } from '../store/schema.ts'
import {
  findScopeContext,
  type Member,
  readScopeContexts,
  type ScopeContext,
} from '../store/scope-contexts.ts'
import { lockScope } from '../store/scopes.ts'
import type { Check, Finding, Repaired } from './check.ts'

/** A place in a mended context: a message that stays, or results that are missing behind one. */
export type Place = Member | { missing: Member['calls']; behind: Member }

/** How a context should be, and what is wrong with it as it is; nothing in `flaws`: it is as it should be. */
export type Mended = { places: Place[]; flaws: string[] }

/** A check of every context: one pure function, the same for finding and for mending. */
export function contextCheck(name: string, about: string, mend: (context: ScopeContext) => Mended): Check {
  return {
    name,
    about,
    async *find(db) {
      for await (const context of readScopeContexts(db)) {
        const { flaws } = mend(context)
        if (flaws.length > 0) yield findingOf(context, flaws)
      }
    },
    async repair(_deps, tx, finding) {
      const id = finding.subject as ConversationId
      const scope = await lockScope(tx, finding.organizationId, id)
      const context = await findScopeContext(tx, finding.organizationId, id)
      const mended = context && mend(context)
      if (!context || !mended || mended.flaws.length === 0) return undefined
      return store(tx, scope, context, mended.places)
    },
  }
}

function findingOf(context: ScopeContext, flaws: string[]): Finding {
  const text = `${flaws.slice(0, 3).join('; ')}${flaws.length > 3 ? `; and ${flaws.length - 3} more` : ''}`
  return { organizationId: context.organizationId, subject: context.conversationId, text }
}

async function store(
  tx: Db,
  scope: Awaited<ReturnType<typeof lockScope>>,
  context: ScopeContext,
  places: Place[],
): Promise<Repaired> {
  const added: Message[] = []
  const ids = places.map((place) => {
    if (!('missing' in place)) return place.messageId
    const message = resultsFor(place.missing, place.behind, context)
    added.push(message)
    return message.id
  })
  const { organizationId, conversationId, agentId } = context
  await insertMessages(tx, { organizationId, agentId, conversationId }, added)
  const after = await replaceContext(tx, scope, ids, { stored: added.length })
  return {
    undo: [
      {
        kind: 'context',
        organizationId,
        conversationId,
        epoch: after.context_epoch,
        length: after.context_length,
        ids: context.members.map(({ messageId }): MessageId => messageId),
        added: added.map(({ id }) => id),
      },
    ],
  }
}

/** Nobody knows any more what became of the calls, and the agent is told so. */
function resultsFor(calls: Member['calls'], behind: Member, context: ScopeContext): Message {
  const time = formatLocalTime(new Date(), context.timezone)
  const returns = calls.map(
    ({ id, name }): ToolReturn => ({
      callId: id,
      name,
      status: 'error',
      output: `The result of ${name} was lost. It may have had its effect; check before you repeat it.`,
      time,
      stdout: null,
      stderr: null,
    }),
  )
  return {
    ...newHead(timestampNow(), {
      stepId: behind.stepId,
      runId: behind.runId,
      name: returns[0]?.name ?? null,
    }),
    role: 'tool',
    returns,
  }
}
