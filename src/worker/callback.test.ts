import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Hook, openHook } from '../../test/hook.ts'
import { openServerWorld, type ServerWorld } from '../../test/server-world.ts'

/** The path says how the hook behaves. */
let hook: Hook
let world: ServerWorld
let agentId: string
beforeAll(async () => {
  hook = await openHook(({ path }, repeats) => {
    if (path.startsWith('/steps')) return 200
    if (path === '/twice') return repeats === 0 ? 500 : 200
    if (path === '/gone') return 410
    if (path === '/deaf') return 'silence'
    return path === '/silent' && repeats === 0 ? 'silence' : 204
  })
  world = await openServerWorld({
    PERDURE_CALLBACK_SECRET: 'between us',
    PERDURE_CALLBACK_RETRY_S: '1',
    STEP_COMPLETE_WEBHOOK: `${hook.url}/steps`,
    STEP_COMPLETE_KEY: 'step key',
  })
  agentId = await world.createAgent({ memory_blocks: [{ label: 'human', value: '' }] })
})
afterAll(async () => {
  await world.close()
  await hook.close()
})

const callsOf = (path: string) => hook.calls.filter((call) => call.path === path)

async function sendWithCallback(url: string, text = 'hello') {
  const body = { messages: [{ role: 'user', content: text }], callback_url: url }
  return world.ask('POST', `/v1/agents/${agentId}/messages/async`, body)
}

async function runWhen(id: string, isReady: (run: Record<string, unknown>) => boolean) {
  let run: Record<string, unknown> = {}
  await expect
    .poll(
      async () => {
        run = (await world.ask('GET', `/v1/runs/${id}`)).body
        return isReady(run)
      },
      { timeout: 20_000 },
    )
    .toBe(true)
  return run
}

describe('10. a callback', () => {
  it('tells of a completed run once, with its messages, signed, under its own key', async () => {
    const sent = await sendWithCallback(`${hook.url}/ok`, '[[say tea is ready]]')
    const run = await runWhen(sent.body.id, ({ callback_status_code }) => callback_status_code !== null)
    expect(run).toMatchObject({ callback_status_code: 204, callback_error: null, status: 'completed' })
    const [call, ...others] = callsOf('/ok')
    expect(others).toEqual([])
    const body = JSON.parse(call?.text ?? '')
    expect(body).toMatchObject({
      run_id: sent.body.id,
      status: 'completed',
      completed_at: run.completed_at,
      metadata: {
        run_type: 'send_message_async',
        lettuce: null,
        result: { stop_reason: { stop_reason: 'end_turn' }, usage: { step_count: 1 } },
      },
    })
    const messages = body.metadata.result.messages.map(
      (message: { message_type: string; content: string }) => [message.message_type, message.content],
    )
    expect(messages).toEqual([
      ['user_message', '[[say tea is ready]]'],
      ['assistant_message', 'tea is ready'],
    ])
    const signature = createHmac('sha256', 'between us')
      .update(call?.text ?? '')
      .digest('hex')
    expect(call?.headers).toMatchObject({
      'idempotency-key': sent.body.id,
      'x-perdure-signature': `sha256=${signature}`,
    })
  })

  it('D-142: tells of a failed run, and why it failed', async () => {
    const sent = await sendWithCallback(`${hook.url}/failed`, '[[error 400]]')
    await runWhen(sent.body.id, ({ callback_status_code }) => callback_status_code !== null)
    expect(JSON.parse(callsOf('/failed')[0]?.text ?? '')).toMatchObject({
      status: 'failed',
      metadata: { result: { stop_reason: { stop_reason: 'llm_api_error' } } },
    })
  })

  it('D-142: tells of a cancelled run, and that this is its reason', async () => {
    const sent = await sendWithCallback(`${hook.url}/cancelled`, '[[sleep 20000]]')
    await runWhen(sent.body.id, ({ status }) => status === 'running')
    await world.ask('POST', `/v1/agents/${agentId}/messages/cancel`, { run_ids: [sent.body.id] })
    await runWhen(sent.body.id, ({ callback_status_code }) => callback_status_code !== null)
    expect(JSON.parse(callsOf('/cancelled')[0]?.text ?? '')).toMatchObject({
      status: 'cancelled',
      metadata: { result: { stop_reason: { stop_reason: 'cancelled' } } },
    })
  })

  it('is tried again after a 500, and the run tells of the last try', async () => {
    const sent = await sendWithCallback(`${hook.url}/twice`)
    const failed = await runWhen(sent.body.id, ({ callback_sent_at }) => callback_sent_at !== null)
    expect(failed.callback_status_code).toBe(500)
    const run = await runWhen(sent.body.id, ({ callback_status_code }) => callback_status_code === 200)
    expect(run.callback_error).toBeNull()
    const [first, second] = callsOf('/twice')
    expect(second?.text).toBe(first?.text)
    expect(second?.headers['idempotency-key']).toBe(sent.body.id)
  })

  it('is tried again after a time-out', async () => {
    const sent = await sendWithCallback(`${hook.url}/silent`)
    const failed = await runWhen(sent.body.id, ({ callback_error }) => callback_error !== null)
    expect(failed.callback_error).toContain('did not answer within 5000 ms')
    await runWhen(sent.body.id, ({ callback_status_code }) => callback_status_code === 204)
    expect(callsOf('/silent')).toHaveLength(2)
  })

  it('keeps the reason when nobody is there', async () => {
    const sent = await sendWithCallback('http://127.0.0.1:9/nobody')
    const run = await runWhen(sent.body.id, ({ callback_error }) => callback_error !== null)
    expect(run).toMatchObject({ status: 'completed', callback_status_code: null })
    expect(run.callback_error).toMatch(
      /^Failed to dispatch callback for run run-.* to http:\/\/127\.0\.0\.1:9\/nobody: /,
    )
  })

  it('waits for no other that is not answered', async () => {
    for (let deaf = 0; deaf < 6; deaf++) await sendWithCallback(`${hook.url}/deaf`)
    await expect.poll(() => callsOf('/deaf').length, { timeout: 20_000 }).toBeGreaterThan(0)
    const sent = Date.now()
    await sendWithCallback(`${hook.url}/heard`)
    // Six that are silent for five seconds each would be half a minute.
    await expect.poll(() => callsOf('/heard').length, { timeout: 20_000 }).toBe(1)
    expect(Date.now() - sent).toBeLessThan(15_000)
  })

  it('is given up when the other side says 410', async () => {
    const sent = await sendWithCallback(`${hook.url}/gone`)
    const run = await runWhen(sent.body.id, ({ callback_status_code }) => callback_status_code !== null)
    expect(run).toMatchObject({ callback_status_code: 410, callback_error: null })
  })

  it('goes to no address inside, and to nothing but the web', async () => {
    for (const url of ['http://10.0.0.1/x', 'http://[::1]/x', 'file:///etc/passwd', 'x']) {
      const refused = await sendWithCallback(url)
      expect({ url, status: refused.status }).toEqual({ url, status: 422 })
    }
  })
})

describe('the step webhook', () => {
  it('is told of each step that has ended, with the operator’s key', async () => {
    const answer = await world.ask('POST', `/v1/agents/${agentId}/messages`, {
      messages: [{ role: 'user', content: '[[call memory_insert {"label":"human","new_string":"tea"}]]' }],
    })
    const steps = [...new Set(answer.body.messages.map((message: { step_id: string }) => message.step_id))]
    expect(steps).toHaveLength(2)
    const told = () => callsOf('/steps').map((call) => JSON.parse(call.text).step_id)
    await expect.poll(told, { timeout: 10_000 }).toEqual(expect.arrayContaining(steps))
    expect(callsOf('/steps')[0]?.headers.authorization).toBe('Bearer step key')
    expect(new Set(told()).size).toBe(told().length)
  })
})
