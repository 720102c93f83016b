import type { NumberedFrame } from '../../src/domain/frame.ts'
import type { ToolCall, ToolReturn } from '../../src/domain/message.ts'
import { isTerminal } from '../../src/domain/run.ts'
import { STOP_REASONS } from '../../src/domain/stop-reason.ts'
import { eventsOf, type Heard } from './client.ts'
import { type Records, type RunRecord, readAllFrames } from './records.ts'
import { CUSTOM_TOOLS } from './tools.ts'
import type { World } from './world.ts'

/**
 * What is wrong with an agent's runs: their ends, their frames, their messages, their steps. `seen`: runs that had ended
 * when they were looked at before, as they were then; they must not have changed.
 */
export async function wrongInRuns(world: World, records: Records, seen: Set<string>): Promise<string[]> {
  const wrong: string[] = []
  for (const run of records.runs) {
    const version = `${run.id} ${run.stop_reason} ${run.lease_epoch}`
    if (seen.has(version)) continue
    if (isTerminal(run.status)) seen.add(version)
    const frames = await readAllFrames(world.db, run)
    const found = isTerminal(run.status)
      ? [...wrongInEnd(run, frames), ...wrongInMessages(run, records), ...wrongInSteps(run, records, frames)]
      : wrongOnTheWay(frames)
    wrong.push(
      ...wrongInNumbers(frames, run),
      ...found.map((text) => `${run.id} (${run.stop_reason}): ${text}`),
    )
  }
  return wrong
}

function wrongInNumbers(frames: NumberedFrame[], run: RunRecord): string[] {
  const falls = frames.some(({ seq }, index) => index > 0 && seq <= (frames[index - 1]?.seq ?? 0))
  return falls ? [`${run.id}: its frames' numbers do not rise`] : []
}

function wrongOnTheWay(frames: NumberedFrame[]): string[] {
  return frames.some(({ frame }) => frame.kind === 'stop' || frame.kind === 'usage')
    ? ['it told its end before it ended']
    : []
}

/** One terminal group, at the end, that says what the run's row says. */
function wrongInEnd(run: RunRecord, frames: NumberedFrame[]): string[] {
  const wrong: string[] = []
  if (!run.stop_reason) return ['it has ended without a reason']
  if (STOP_REASONS[run.stop_reason] !== run.status) wrong.push(`its status is ${run.status}`)
  if (!run.completed_at) wrong.push('it has no time of its end')
  if (run.holds_turn || run.lease_owner) wrong.push('it still holds its turn or its driver')
  const kinds = frames.map(({ frame }) => frame.kind)
  const from = kinds.indexOf('stop')
  const told = run.metadata?.error && !SILENT.includes(run.stop_reason)
  const expected = told ? ['stop', 'error', 'usage'] : ['stop', 'usage']
  if (from < 0 || kinds.slice(from).join() !== expected.join())
    wrong.push(`its frames end with ${kinds.slice(-4).join()}`)
  const stop = frames.find(({ frame }) => frame.kind === 'stop')?.frame
  const asked =
    stop?.kind === 'stop' && stop.stopReason === 'requires_approval' && run.stop_reason === 'cancelled'
  if (stop?.kind === 'stop' && stop.stopReason !== run.stop_reason && !asked)
    wrong.push(`it told ${stop.stopReason}`)
  if (run.status === 'failed' && !run.metadata?.error) wrong.push('it does not say what failed')
  return wrong
}

/** Failures that their stop reason says all of. */
const SILENT = ['no_tool_call', 'invalid_tool_call', 'max_tokens_exceeded', 'insufficient_credits']

/** What was accepted is in the history once: in the context's line, or beside it where the run ended before it began. */
function wrongInMessages(run: RunRecord, { messages, steps, scopes }: Records): string[] {
  const wrong: string[] = []
  const isGood =
    run.status === 'completed' || steps.some((step) => step.run_id === run.id && step.status === 'success')
  for (const input of run.request?.input ?? []) {
    const row = messages.find(({ id }) => id === input.id)
    if (!row) wrong.push(`its ${input.role} message is lost`)
    else if (row.is_err && isGood) wrong.push(`its ${input.role} message is put aside`)
    for (const mark of JSON.stringify(input).match(/\[m\d+\]/g) ?? []) {
      const count = messages.filter(
        ({ role, content }) => role === input.role && JSON.stringify(content).includes(mark),
      ).length
      if (count !== 1) wrong.push(`${mark} is ${count} times in the history`)
    }
  }
  const isKept = scopes.every(({ context }) => context.every(({ message }) => !message.isErr))
  return isKept ? wrong : [...wrong, 'a message of an error is in a context']
}

function wrongInSteps(run: RunRecord, { steps, executions }: Records, frames: NumberedFrame[]): string[] {
  const wrong: string[] = []
  const own = steps.filter((step) => step.run_id === run.id)
  for (const step of own) if (step.status === 'pending') wrong.push(`step ${step.index} is not ended`)
  const indexes = own.map(({ index }) => index)
  if (new Set(indexes).size !== indexes.length)
    wrong.push(`two of its steps have one index: ${indexes.toSorted().join()}`)
  const last = frames.at(-1)?.frame
  const total = own.reduce((sum, step) => sum + step.total_tokens, 0)
  if (last?.kind === 'usage' && last.usage.total !== total)
    wrong.push(`it told ${last.usage.total} tokens, its steps have ${total}`)
  for (const { run_id, state, name } of executions)
    if (run_id === run.id && state === 'started') wrong.push(`the ledger still waits for ${name}`)
  return wrong
}

/** Tools that act did so once at most, and the history does not deny it. */
export function wrongOutside(world: World, { messages, executions }: Records): string[] {
  const wrong: string[] = []
  for (const { call, result } of answeredCalls(messages)) {
    const tool = CUSTOM_TOOLS[call.name]
    const n = numberOf(call.arguments)
    if (tool?.effect !== 'acts' || n === 0) continue
    const count = world.outside.acts.get(n) ?? 0
    const text = JSON.stringify(result.output)
    if (count > 0 && /before it ran|was not run/.test(text))
      wrong.push(`${call.name}#${n} ran, but the history says: ${text}`)
    if (count > 0 && text.includes('request to call tool denied'))
      wrong.push(`${call.name}#${n} ran though it was denied`)
    if (count === 0 && result.status === 'success')
      wrong.push(`${call.name}#${n} did not run, but the history says: ${text}`)
  }
  for (const [n, count] of world.outside.acts) {
    // Arguments may be an object written as a text.
    const ran = executions.find((one) => numberOf(one.arguments.replaceAll('\\"', '"')) === n)
    if (n === 0) continue
    if (!ran) wrong.push(`call #${n} ran, but the ledger does not know it`)
    if (count > 1 && !(ran && CUSTOM_TOOLS[ran.name]?.idempotent)) wrong.push(`call #${n} ran ${count} times`)
  }
  return wrong
}

/** Each result with the call that it is of: the last one of its id before it, in its conversation. */
function answeredCalls(messages: Records['messages']): { call: ToolCall; result: ToolReturn }[] {
  const asked = new Map<string, ToolCall>()
  return messages.flatMap(({ conversation_id, tool_calls, tool_returns }) => {
    for (const call of tool_calls ?? []) asked.set(`${conversation_id} ${call.id}`, call)
    return (tool_returns ?? []).flatMap((result) => {
      const call = asked.get(`${conversation_id} ${result.callId}`)
      return call ? [{ call, result }] : []
    })
  })
}

function numberOf(text: string): number {
  return Number(/"n": ?(\d+)/.exec(text)?.[1] ?? 0)
}

/**
 * What clients heard: whole streams with rising numbers and one end, texts as they are stored, and no failure of the
 * server's own.
 */
export function wrongHeard(heard: Heard[], records: Records, mayBreak: boolean): string[] {
  const texts = new Map(
    records.messages.flatMap(({ id, role, content }) =>
      role === 'assistant' || role === 'approval_request'
        ? [[id as string, textIn(content ?? [])] as const]
        : [],
    ),
  )
  return heard.flatMap(({ what, status, text, cut }) => {
    if (status === 500 && !mayBreak && !/"type":"llm_error"/.test(text))
      return [`${what}: 500 ${text.slice(0, 200)}`]
    if (!text.startsWith('data: ') && !text.includes('\ndata: ')) return []
    const events = eventsOf(cut ? text.slice(0, text.lastIndexOf('\n\n') + 2) : text)
    return [
      ...(cut ? [] : wrongInStream(events, what)),
      ...wrongInTexts(events, texts, cut || what.startsWith('follow')),
    ].map((one) => `${what}: ${one}`)
  })
}

type Event = ReturnType<typeof eventsOf>[number]

function wrongInStream(events: Event[], what: string): string[] {
  const wrong: string[] = []
  if (events.at(-1) !== '[DONE]') wrong.push('the stream has no end')
  const objects = events.filter((event) => event !== '[DONE]')
  const numbers = objects.flatMap((event) =>
    event.message_type === 'ping' || typeof event.seq_id !== 'number' ? [] : [event.seq_id],
  )
  if (numbers.some((seq, index) => index > 0 && seq <= (numbers[index - 1] ?? 0)))
    wrong.push('the numbers of the stream do not rise')
  const stops = objects.filter((event) => event.message_type === 'stop_reason').length
  // Who asks for what comes after a number near the end may have been told of the end.
  if (stops > 1 || (stops === 0 && !what.startsWith('follow')))
    wrong.push(`the stream has ${stops} stop reasons`)
  return wrong
}

/** The pieces of a text, put together, are the text as it is stored; a stream that was not read whole has a part of it. */
function wrongInTexts(events: Event[], texts: Map<string, string>, isPart: boolean): string[] {
  const shown = new Map<string, string>()
  for (const event of events) {
    if (event === '[DONE]' || event.message_type !== 'assistant_message') continue
    const id = String(event.id)
    shown.set(id, (shown.get(id) ?? '') + String(event.content))
  }
  return [...shown].flatMap(([id, text]) => {
    const stored = texts.get(id)
    if (stored === undefined || stored === text || (isPart && stored.includes(text))) return []
    return [`${id} was shown as ${JSON.stringify(text)}, and is stored as ${JSON.stringify(stored)}`]
  })
}

function textIn(content: { type: string }[]): string {
  return content.map((part) => ('text' in part ? String(part.text) : '')).join('')
}
