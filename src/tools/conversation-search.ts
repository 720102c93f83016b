import type { JsonObject } from '../domain/json.ts'
import { formatIsoLocal } from '../domain/local-time.ts'
import type { FoundMessage, MessageSearch } from '../domain/search.ts'
import type { ToolContext } from '../domain/tool.ts'
import { readTool } from './define.ts'
import { integer, listOf, oneOf, optional, text } from './parameters.ts'
import { parseMoment } from './parse-moment.ts'
import { ToolError } from './tool-error.ts'

/**
 * Looks through an agent's messages. Calls of this tool and what they returned must not be among what it finds: results
 * inside results would fill the window.
 */
export type SearchMessages = (search: MessageSearch, context: ToolContext) => Promise<FoundMessage[]>

const RESULTS_DEFAULT = 5
const RESULTS_MAX = 50

/** Searches everything that was ever said in the agent's conversations, also what has left the context. */
export function conversationSearch(search: SearchMessages) {
  return readTool(
    {
      name: 'conversation_search',
      toolType: 'letta_core',
      description:
        'Look through all that was said with you before, also what is long out of your view: by words, by who said it, by time.',
      parameters: {
        query: optional(text('Words to look for. Leave it out to get the newest messages.')),
        roles: optional(listOf(oneOf(['assistant', 'user', 'tool']), 'Only messages of these.')),
        limit: optional(
          integer(`How many messages at most: up to ${RESULTS_MAX}, or ${RESULTS_DEFAULT} if left out.`),
        ),
        start_date: optional(
          text(
            'Only messages from then on: a day (2026-03-01) or a moment (2026-03-01T14:30), in your timezone.',
          ),
        ),
        end_date: optional(text('Only messages until then. A day counts to its end.')),
      },
      parallel: true,
    },
    async ({ query, roles, limit, start_date, end_date }, context) => {
      const { timezone } = context
      const found = await search(
        {
          query: query?.trim() || null,
          roles: roles?.length ? roles : null,
          limit: resultsMaxOf(limit ?? RESULTS_DEFAULT),
          from: start_date ? momentOf('start_date', start_date, timezone, 'start') : null,
          to: end_date ? momentOf('end_date', end_date, timezone, 'end') : null,
        },
        context,
      )
      return encodeFound(found, timezone, Date.now())
    },
  )
}

function resultsMaxOf(limit: number): number {
  if (limit >= 1) return Math.min(limit, RESULTS_MAX)
  throw new ToolError(`Invalid limit: ${limit}. Ask for at least 1 result`)
}

function momentOf(name: string, value: string, timezone: string, edge: 'start' | 'end'): string {
  const moment = parseMoment(value, timezone, edge)
  if (moment) return moment.toISOString()
  throw new ToolError(
    `Invalid ${name} format: ${value}. Use ISO 8601 format (YYYY-MM-DD or YYYY-MM-DDTHH:MM)`,
  )
}

function encodeFound(found: FoundMessage[], timezone: string, nowMs: number): JsonObject {
  const message = found.length === 0 ? 'No results found.' : `Showing ${found.length} results:`
  return { message, results: found.map((one) => encodeOne(one, timezone, nowMs)) }
}

/** The order of the keys is the old server's. */
function encodeOne({ createdAt, role, rank, thinking, text }: FoundMessage, timezone: string, nowMs: number) {
  const date = new Date(createdAt)
  return {
    timestamp: formatIsoLocal(date, timezone),
    time_ago: agoOf(nowMs - date.getTime()),
    role,
    ...(rank !== null && { relevance: { fts_rank: rank, search_mode: 'fts' } }),
    ...(thinking !== null && { thinking }),
    content: text,
  }
}

function agoOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds}s ago`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h ago`
  return `${Math.floor(seconds / 86_400)}d ago`
}
