import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { JsonObject } from '../domain/json.ts'
import type { FoundMessage, MessageSearch } from '../domain/search.ts'
import type { ToolContext } from '../domain/tool.ts'
import { conversationSearch } from './conversation-search.ts'

const NOW = '2026-03-04T12:00:00Z'

beforeEach(() => {
  vi.useFakeTimers({ now: new Date(NOW), toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('conversation_search', () => {
  it('asks for five of the newest messages when it is given nothing', async () => {
    expect((await search({})).asked).toEqual({ query: null, roles: null, limit: 5, from: null, to: null })
    expect((await search({ query: '  ', roles: [], limit: null })).asked).toMatchObject({
      query: null,
      roles: null,
      limit: 5,
    })
  })

  it('passes on what it is given', async () => {
    const { asked } = await search({ query: ' my sister ', roles: ['user', 'tool'], limit: 500 })
    expect(asked).toMatchObject({ query: 'my sister', roles: ['user', 'tool'], limit: 50 })
  })

  it('takes days in the agent’s zone, the last one to its end', async () => {
    const { asked } = await search({ start_date: '2026-03-01', end_date: '2026-03-02' })
    expect(asked).toMatchObject({ from: '2026-02-28T23:00:00.000Z', to: '2026-03-02T22:59:59.999Z' })
  })

  it('shows when, how long ago, who and what', async () => {
    const { result } = await search({}, [
      found({}),
      found({ role: 'assistant', thinking: 'hm', text: 'I see' }),
    ])
    expect(result).toEqual({
      ok: true,
      output: {
        message: 'Showing 2 results:',
        results: [
          {
            timestamp: '2026-03-01T10:22:05+01:00',
            time_ago: '3d ago',
            role: 'user',
            content: 'my sister is called Ada',
          },
          {
            timestamp: '2026-03-01T10:22:05+01:00',
            time_ago: '3d ago',
            role: 'assistant',
            thinking: 'hm',
            content: 'I see',
          },
        ],
      },
    })
  })

  it('shows the place of a message in a search by words, before its content', async () => {
    const { result } = await search({ query: 'sister' }, [found({ rank: 1 })])
    const [first] = resultsOf(result)
    expect(first).toMatchObject({ relevance: { fts_rank: 1, search_mode: 'fts' } })
    expect(Object.keys(first ?? {})).toEqual(['timestamp', 'time_ago', 'role', 'relevance', 'content'])
  })

  it.each([
    ['2026-03-04T12:00:05Z', '0s ago'],
    ['2026-03-04T11:59:01Z', '59s ago'],
    ['2026-03-04T11:59:00Z', '1m ago'],
    ['2026-03-04T11:00:01Z', '59m ago'],
    ['2026-03-04T11:00:00Z', '1h ago'],
    ['2026-03-03T12:00:01Z', '23h ago'],
    ['2026-03-03T12:00:00Z', '1d ago'],
    ['2025-03-04T12:00:00Z', '365d ago'],
  ])('says of %s that it was %s', async (createdAt, ago) => {
    const { result } = await search({}, [found({ createdAt })])
    expect(resultsOf(result)[0]).toMatchObject({ time_ago: ago })
  })

  it('says when nothing was found', async () => {
    const { result } = await search({ query: 'nothing' })
    expect(result).toEqual({ ok: true, output: { message: 'No results found.', results: [] } })
  })

  it.each(['start_date', 'end_date'])(
    'refuses a %s that is none, and says how it is written',
    async (name) => {
      const { result, asked } = await search({ [name]: 'not a date' })
      expect(result).toEqual({
        ok: false,
        errorName: 'ValueError',
        message: `Invalid ${name} format: not a date. Use ISO 8601 format (YYYY-MM-DD or YYYY-MM-DDTHH:MM)`,
      })
      expect(asked).toBeUndefined()
    },
  )

  it.each([{ limit: 0 }, { limit: -1 }, { roles: ['system'] }, { query: 7 }])('refuses %j', async (args) => {
    const { result, asked } = await search(args as JsonObject)
    expect(result.ok).toBe(false)
    expect(asked).toBeUndefined()
  })
})

function found(change: Partial<FoundMessage>): FoundMessage {
  return {
    role: 'user',
    text: 'my sister is called Ada',
    thinking: null,
    createdAt: '2026-03-01T09:22:05Z',
    rank: null,
    ...change,
  }
}

async function search(args: JsonObject, messages: FoundMessage[] = []) {
  let asked: MessageSearch | undefined
  const { tool } = conversationSearch(async (what) => {
    asked = what
    return messages
  })
  if (tool.effect !== 'reads') throw new Error('a search changes nothing')
  const context = { timezone: 'Europe/Berlin' } as ToolContext
  return { result: await tool.run(args, context), asked }
}

function resultsOf(result: Awaited<ReturnType<typeof search>>['result']): JsonObject[] {
  if (!result.ok || typeof result.output === 'string') throw new Error('no results')
  return result.output.results as JsonObject[]
}
