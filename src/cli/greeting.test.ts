import { describe, expect, it } from 'vitest'
import { type Greeted, greetingOf } from './greeting.ts'

const OFFLINE = 'perdure/offline'

describe('the greeting', () => {
  it('says plainly what there is without a key', () => {
    const text = greeting({})
    expect(text).toContain('listens on http://127.0.0.1:8283\n')
    expect(text).toContain('no key is set')
    expect(text).toContain(`"model":"${OFFLINE}"`)
  })

  it('counts the models of each provider, and names the one that lists none', () => {
    const text = greeting({ providers: ['openai', 'groq'], models: ['openai/gpt-5', 'openai/o3', OFFLINE] })
    expect(text).toContain('providers: openai (2 models), groq (lists no models)\n')
    expect(text).toContain('"model":"openai/gpt-5"')
  })

  it('has a line that works where a password is needed, without telling it', () => {
    expect(greeting({ password: true })).toContain('-H "authorization: Bearer $PERDURE_PASSWORD"')
    expect(greeting({})).not.toContain('authorization')
  })
})

function greeting(facts: Partial<Greeted>): string {
  return greetingOf({
    version: '1.2.3',
    url: 'http://127.0.0.1:8283',
    database: 'embedded PostgreSQL in /data',
    providers: [],
    models: [OFFLINE],
    password: false,
    ...facts,
  })
}
