import { z } from 'zod'
import type { JsonObject } from '../domain/json.ts'
import { formatIsoLocal, offsetMinutes } from '../domain/local-time.ts'
import type { FoundMessage, MessageSearch } from '../domain/search.ts'
import type { ToolContext } from '../domain/tool.ts'
import { integerOf, readTool, stringOf, ToolError } from './define.ts'

export type SearchMessages = (search: MessageSearch, context: ToolContext) => Promise<FoundMessage[]>

const LIMIT_DEFAULT = 5
const LIMIT_MAX = 50
const ROLES = ['assistant', 'user', 'tool'] as const

/** Searches everything that was ever said in the agent's conversations, also what has left the context. */
export function conversationSearch(search: SearchMessages) {
  return readTool(
    {
      name: 'conversation_search',
      toolType: 'letta_core',
      description:
        'Search your earlier messages, also those that are no longer in view, by words, roles and dates.',
      properties: {
        query: stringOf('What to look for; leave it out to list messages by date.'),
        roles: {
          type: 'array',
          items: { type: 'string', enum: [...ROLES] },
          description: 'Only messages of these roles.',
        },
        limit: integerOf('How many results at most (default 5).'),
        start_date: stringOf(
          'Only messages from this date on (ISO 8601, e.g. 2026-03-01 or 2026-03-01T14:30).',
        ),
        end_date: stringOf('Only messages up to this date; a date without a time means the end of that day.'),
      },
      required: [],
      parallel: true,
    },
    z.object({
      query: z.string().nullish(),
      roles: z.array(z.enum(ROLES)).nullish(),
      limit: z.number().int().min(1).nullish(),
      start_date: z.string().nullish(),
      end_date: z.string().nullish(),
    }),
    async (args, context) => {
      const found = await search(
        {
          query: args.query?.trim() || null,
          roles: args.roles?.length ? args.roles : null,
          limit: Math.min(args.limit ?? LIMIT_DEFAULT, LIMIT_MAX),
          from: args.start_date ? instantOf('start_date', args.start_date, context.timezone, false) : null,
          to: args.end_date ? instantOf('end_date', args.end_date, context.timezone, true) : null,
        },
        context,
      )
      return resultOf(found, context.timezone)
    },
  )
}

function resultOf(found: FoundMessage[], timezone: string): JsonObject {
  if (found.length === 0) return { message: 'No results found.', results: [] }
  const now = Date.now()
  const results = found.map(({ role, text, thinking, createdAt, rank }) => {
    const date = new Date(createdAt)
    return {
      timestamp: formatIsoLocal(date, timezone),
      time_ago: agoOf(now - date.getTime()),
      role,
      ...(thinking !== null && { thinking }),
      content: text,
      ...(rank !== null && { relevance: { fts_rank: rank, search_mode: 'fts' } }),
    }
  })
  return { message: `Showing ${found.length} results:`, results }
}

function agoOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds}s ago`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h ago`
  return `${Math.floor(seconds / 86_400)}d ago`
}

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/

/** A date without an offset is in the agent's zone; one without a time is the whole day. */
function instantOf(name: string, text: string, timezone: string, isEnd: boolean): string {
  const match = ISO.exec(text.trim())
  const [, day, time, offset] = match ?? []
  const clock = time ?? (isEnd ? '23:59:59.999' : '00:00')
  const asUtc = new Date(`${day}T${clock}${offset ?? 'Z'}`)
  if (!match || Number.isNaN(asUtc.getTime())) {
    throw new ToolError(
      `Invalid ${name} format: ${text}. Use ISO 8601 format (YYYY-MM-DD or YYYY-MM-DDTHH:MM)`,
    )
  }
  if (offset) return asUtc.toISOString()
  return new Date(asUtc.getTime() - offsetMinutes(asUtc, timezone) * 60_000).toISOString()
}
