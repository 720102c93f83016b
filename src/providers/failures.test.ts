import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  openProviderWorld,
  type ProviderWorld,
  requestOf,
  unique,
  user,
  WIRE_NAMES,
  WIRES,
  type WireName,
} from '../../test/provider-world.ts'
import type { ModelFailureKind } from '../domain/failure.ts'
import type { LlmConfig } from '../domain/model.ts'
import { anthropic } from './anthropic.ts'
import { classifyFailure } from './classify-failure.ts'
import { SdkModel } from './sdk-model.ts'
import { providersFromEnv } from './settings.ts'

/** What a provider's trouble means, whenever it comes. Each kind has one meaning for callers (`domain/failure.ts`). */
let world: ProviderWorld
beforeAll(async () => {
  world = await openProviderWorld()
})
afterAll(() => world.close())

const BEFORE: Record<string, ModelFailureKind> = {
  '400': 'bad_request',
  '401': 'unauthorized',
  '403': 'forbidden',
  '404': 'not_found',
  '429': 'rate_limited',
  '500': 'server_error',
  '502': 'connection',
  '503': 'server_error',
  '529': 'overloaded',
  context: 'context_full',
  quota: 'out_of_credits',
}
/** Where a provider says it in its own way: an empty account as a bad request, a used up share of a minute as a quota. */
const OWN: Partial<Record<WireName, Record<string, ModelFailureKind>>> = {
  anthropic: { quota: 'bad_request' },
  google: { quota: 'rate_limited' },
}

describe.each(WIRE_NAMES)('%s', (name) => {
  const { handle } = WIRES[name]
  const ask = async (text: string) =>
    world.ask(requestOf(await world.configOf(handle), [user(`${text} ${unique('x')}`)]))

  it.each(Object.keys(BEFORE))('knows %s before the answer, with nothing shown', async (kind) => {
    const { deltas, reply } = await ask(`[[error ${kind}]]`)
    const expected = OWN[name]?.[kind] ?? BEFORE[kind]
    expect(deltas).toEqual([])
    expect(reply).toMatchObject({ ok: false, failure: { kind: expected, shown: false } })
  })

  it('knows how long to wait', async () => {
    const { reply } = await ask('[[error 429 after=7]]')
    expect(reply).toMatchObject({ ok: false, failure: { kind: 'rate_limited', retryAfterMs: 7_000 } })
    const later = (await ask('[[error 503 after=7]]')).reply
    expect(later).toMatchObject({ ok: false, failure: { kind: 'server_error', retryAfterMs: 7_000 } })
  })

  it('knows trouble in the middle of the answer, with something shown', async () => {
    const { deltas, reply } = await ask(
      '[[error midstream]] [[say A story that ends too early for its reader.]]',
    )
    expect(deltas.length).toBeGreaterThan(0)
    expect(reply).toMatchObject({ ok: false, failure: { shown: true } })
    const kind = reply.ok ? null : reply.failure.kind
    expect(['overloaded', 'server_error']).toContain(kind)
  })

  it('knows a stream that was cut', async () => {
    const { reply } = await ask('[[error cutoff]] [[say A story that ends too early for its reader.]]')
    expect(reply).toMatchObject({ ok: false, failure: { kind: 'connection', shown: true } })
  })

  it('knows an answer that cannot be read', async () => {
    const { reply } = await ask('[[error malformed]]')
    expect(reply).toMatchObject({ ok: false, failure: { kind: 'invalid_response' } })
  })

  it('knows a key that is refused, and does not show it', async () => {
    const config = await world.configOf(handle)
    const { reply } = await refused(config)
    expect(reply.ok || reply.failure.kind).toBe('unauthorized')
    expect(JSON.stringify(reply)).not.toContain('bad-key-1234567890abcdef')
  })

  async function refused(config: LlmConfig) {
    const url = world.mock.url
    const other = await openProviderWorld(() => ({
      OPENAI_API_KEY: 'bad-key-1234567890abcdef',
      OPENAI_BASE_URL: `${url}/v1`,
      ANTHROPIC_API_KEY: 'bad-key-1234567890abcdef',
      ANTHROPIC_BASE_URL: url,
      GEMINI_API_KEY: 'bad-key-1234567890abcdef',
      GEMINI_BASE_URL: url,
    }))
    const answer = await other.ask(requestOf(config, [user('hello')]))
    await other.close()
    return answer
  }

  it('stops when it is told to', async () => {
    const abort = new AbortController()
    const config = await world.configOf(handle)
    const said = world.ask(requestOf(config, [user(`[[error hang]] ${unique('x')}`)]), abort.signal)
    abort.abort()
    expect((await said).reply).toMatchObject({ ok: false, failure: { kind: 'aborted' } })
  })
})

describe('a request that is refused as bad', () => {
  const ask = async (name: WireName, text: string) => {
    const { reply } = await world.ask(
      requestOf(await world.configOf(WIRES[name].handle), [user(`${text} ${unique('x')}`)]),
    )
    return reply.ok ? null : reply.failure
  }

  it('for an empty account is told from one that is refused for what is in it', async () => {
    expect(await ask('anthropic', '[[error quota]]')).toMatchObject({ kind: 'bad_request', ofAccount: true })
    for (const name of WIRE_NAMES) expect(await ask(name, '[[error 400]]')).not.toHaveProperty('ofAccount')
  })

  it.each([
    'You have reached your specified API usage limits. You will regain access on 2026-09-01 at 00:00 UTC.',
    'You have reached your specified workspace API usage limits.',
    'This organization has been disabled.',
    'API key expired. Please renew the API key. API_KEY_INVALID',
    'User location is not supported for the API use.',
  ])('is refused for its account: %s', (text) => {
    expect(classifyFailure({ error: { code: 400, message: text } }, false)).toMatchObject({
      kind: 'bad_request',
      ofAccount: true,
    })
  })
})

describe('D-93: a provider that is silent for too long', () => {
  const impatient = (firstPieceMs: number, betweenPiecesMs: number) => {
    const [settings] = providersFromEnv({ ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: world.mock.url })
    if (!settings) throw new Error('no provider')
    return new SdkModel(settings, anthropic, { firstPieceMs, betweenPiecesMs })
  }
  const end = async (model: SdkModel, text: string) => {
    const config = await world.configOf(WIRES.anthropic.handle)
    const stream = model.stream(
      requestOf(config, [user(`${text} ${unique('x')}`)]),
      new AbortController().signal,
    )
    for (;;) {
      const next = await stream.next()
      if (next.done) return next.value
    }
  }

  it('is given up before the first piece', async () => {
    expect(await end(impatient(50, 60_000), '[[error hang]]')).toMatchObject({
      ok: false,
      failure: { kind: 'timeout', shown: false },
    })
  })

  it('is given up between two pieces', async () => {
    expect(
      await end(impatient(60_000, 50), '[[error stall]] [[say A story that is never told.]]'),
    ).toMatchObject({
      ok: false,
      failure: { kind: 'timeout' },
    })
  })
})
