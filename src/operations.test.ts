import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openServerWorld, type ServerWorld } from '../test/server-world.ts'

let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld({ PERDURE_PASSWORD: 'secret', PERDURE_READINESS_ENFORCED: 'true' })
})
afterAll(() => world.close())

const AS_OPERATOR = { authorization: 'Bearer secret' }
const scrape = async () => (await world.ask('GET', '/metrics', undefined, AS_OPERATOR)).body as string
const sample = (text: string, start: string) => {
  const line = text.split('\n').find((one) => one.startsWith(start))
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')))
}

describe('/metrics', () => {
  it('needs the password, unlike health and readiness', async () => {
    expect((await world.ask('GET', '/metrics')).status).toBe(401)
    expect(await world.ask('GET', '/v1/health/')).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect(await world.ask('GET', '/v1/ready/')).toMatchObject({ status: 200, body: { status: 'ok' } })
  })

  it('counts a run with its step, model call, tokens, tool and request', async () => {
    const created = await world.ask(
      'POST',
      '/v1/agents/',
      { model: 'openai-proxy/gpt-4o-mini', memory_blocks: [{ label: 'human', value: '' }] },
      AS_OPERATOR,
    )
    const text = '[[call memory_insert {"label":"human","new_string":"tea"}]] [[usage 700 30]]'
    const path = `/v1/agents/${created.body.id}/messages`
    const answer = await world.ask('POST', path, { messages: [{ role: 'user', content: text }] }, AS_OPERATOR)
    expect(answer.status).toBe(200)

    const metrics = await scrape()
    const model = 'provider="openai",model="gpt-4o-mini"'
    expect(sample(metrics, 'perdure_runs_admitted_total{transport="blocking"}')).toBe(1)
    expect(sample(metrics, 'perdure_runs_ended_total{status="completed",stop_reason="end_turn"}')).toBe(1)
    expect(sample(metrics, 'perdure_steps_total{status="success"}')).toBe(2)
    expect(sample(metrics, `perdure_model_call_duration_seconds_count{${model}}`)).toBe(2)
    expect(sample(metrics, `perdure_tokens_total{${model},type="input"}`)).toBe(1_400)
    expect(
      sample(
        metrics,
        'perdure_requests_total{method="POST",route="/v1/agents/:agent_id/messages",status="200"}',
      ),
    ).toBe(1)
    expect(sample(metrics, 'perdure_runs_active{status="running"}')).toBe(0)
    expect(sample(metrics, 'perdure_database_connections{state="idle"}')).toBeGreaterThan(0)
    expect(sample(metrics, 'nodejs_eventloop_lag_p99_seconds')).toBeGreaterThanOrEqual(0)
    expect(sample(metrics, 'process_resident_memory_bytes')).toBeGreaterThan(0)
  })

  it('keeps paths that no route has under one name', async () => {
    await world.ask('GET', '/v1/nowhere/at/all', undefined, AS_OPERATOR)
    await world.ask('GET', '/wp-login.php', undefined, AS_OPERATOR)
    expect(sample(await scrape(), 'perdure_requests_total{method="GET",route="none",status="404"}')).toBe(2)
  })
})
