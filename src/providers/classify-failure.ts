import { APICallError } from '@ai-sdk/provider'
import type { ModelFailure, ModelFailureKind } from '../domain/failure.ts'

/** What is known of an error, wherever it came from. */
type Facts = { status: number | undefined; text: string; headers: Record<string, string> }

type Rule = { kind: ModelFailureKind; when(facts: Facts): boolean }

const OVERFLOW =
  /exceeds the context window|maximum context length|context_length_exceeded|input tokens exceed the configured limit|exceeds the maximum allowed input length|prompt is too long|exceed context limit|exceeds context|total text bytes|request_too_large|request exceeds the maximum size|context window exceeds limit|input token count.{0,40}exceed|token count.{0,60}exceeds? the maximum|exceeds the maximum number of tokens/i
const NO_CREDIT =
  /insufficient_quota|insufficient.credits|requires more credits|add more credits|exceeded your current quota, please check your plan|you've exceeded your budget|billing.{0,20}hard limit|can only afford/i

/**
 * What says that the account is the reason, where the status only says that the request is bad: no credit, a limit of
 * spending, a key or an organisation that is no longer good, a place that is not served.
 */
const OF_ACCOUNT =
  /credit balance is too low|reached your specified.{0,20} usage limits|organization has been disabled|API_KEY_INVALID|user location is not supported/i

/** Google speaks of a quota also where a minute's share is used up, and says then when there is more. */
const COMES_BACK = /google\.rpc\.RetryInfo/

/** In this order: what a text says for certain, before what its status says in general. */
const RULES: Rule[] = [
  { kind: 'context_full', when: ({ status, text }) => status === 413 || OVERFLOW.test(text) },
  {
    kind: 'out_of_credits',
    when: ({ status, text }) => status === 402 || (NO_CREDIT.test(text) && !COMES_BACK.test(text)),
  },
  {
    kind: 'rate_limited',
    when: ({ status, text }) => status === 429 || /rate.?limit_?error|RESOURCE_EXHAUSTED/.test(text),
  },
  {
    kind: 'unauthorized',
    when: ({ status, text }) => status === 401 || /API key not valid|authentication_error/.test(text),
  },
  { kind: 'forbidden', when: ({ status }) => status === 403 },
  { kind: 'not_found', when: ({ status }) => status === 404 },
  { kind: 'timeout', when: ({ status }) => status === 408 || status === 504 },
  { kind: 'overloaded', when: ({ status, text }) => status === 529 || /overloaded_error/.test(text) },
  { kind: 'unprocessable', when: ({ status }) => status === 422 },
  { kind: 'connection', when: ({ status }) => status === 499 || status === 502 },
  { kind: 'server_error', when: ({ status }) => status !== undefined && status >= 500 },
  // With redirects, which are not followed.
  { kind: 'bad_request', when: ({ status }) => status !== undefined && status >= 300 },
]

const SENTENCES: Record<ModelFailureKind, string> = {
  timeout: 'The model did not answer in time.',
  rate_limited: 'Rate limited by the model provider; try again later.',
  out_of_credits: 'The account at the model provider has no credit left.',
  unauthorized: 'Authentication with the model provider failed: check its API key.',
  bad_request: 'The model provider refused the request.',
  overloaded: 'The model provider is overloaded; try again later.',
  empty_response: 'The model answered with nothing.',
  invalid_response: 'The answer of the model could not be read.',
  server_error: 'The model provider had an error.',
  connection: 'The connection to the model provider failed or broke.',
  forbidden: 'The model provider does not permit the request.',
  not_found: 'The model provider does not know the model.',
  unprocessable: 'The model provider could not process the request.',
  context_full: 'The request is larger than the context window of the model.',
  aborted: 'The call was stopped.',
}

/** What passes by itself, and may say when. */
const COMES_LATER: ReadonlySet<ModelFailureKind> = new Set(['rate_limited', 'overloaded', 'server_error'])

/** What an error of a call means. `started`: the provider had begun to answer. */
export function classifyFailure(error: unknown, started: boolean): ModelFailure {
  const facts = factsOf(error)
  const rule = RULES.find(({ when }) => when(facts))
  const kind = rule?.kind ?? kindWithoutStatus(error, facts, started)
  const retryAfterMs = COMES_LATER.has(kind) ? waitOf(facts) : undefined
  return {
    kind,
    message: SENTENCES[kind],
    detail: scrubbed(facts.text),
    ...(facts.status !== undefined && { status: facts.status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(kind === 'bad_request' && OF_ACCOUNT.test(facts.text) && { ofAccount: true }),
  }
}

export function failureOf(kind: ModelFailureKind, detail: string): ModelFailure {
  return { kind, message: SENTENCES[kind], detail: scrubbed(detail) }
}

function kindWithoutStatus(error: unknown, { text }: Facts, started: boolean): ModelFailureKind {
  const name = error instanceof Error ? error.name : ''
  if (name === 'TimeoutError') return 'timeout'
  if (/JSON|parse|Type validation|Invalid response/i.test(`${name} ${text}`)) return 'invalid_response'
  if (/fetch failed|terminated|ECONN|socket|EPIPE|network|other side closed|Cannot connect/i.test(text))
    return 'connection'
  if (/server_error|internal|api_error/i.test(text)) return 'server_error'
  return started ? 'server_error' : 'connection'
}

function factsOf(error: unknown): Facts {
  if (APICallError.isInstance(error)) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    return {
      status: statusOf(error),
      text: `${error.responseBody?.slice(0, 4_000) ?? ''} ${error.message}${cause}`.trim(),
      headers: error.responseHeaders ?? {},
    }
  }
  if (error instanceof Error) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    return { status: undefined, text: `${error.message}${cause}`, headers: {} }
  }
  return { status: numberIn(error, 'code') ?? numberIn(error, 'status'), text: textOf(error), headers: {} }
}

/** A body that cannot be read comes with the status of the answer, which was fine. */
function statusOf(error: APICallError): number | undefined {
  const status = error.statusCode
  return status !== undefined && status >= 300 ? status : numberIn(error.data, 'code')
}

function numberIn(value: unknown, key: string): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const found = (value as Record<string, unknown>)[key]
  if (typeof found === 'number' && found >= 400) return found
  return 'error' in value ? numberIn(value.error, key) : undefined
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
}

/** How long the provider asks us to wait, in milliseconds: in a header (seconds, milliseconds, a date) or in the body. */
function waitOf({ headers, text }: Facts): number | undefined {
  const millis = Number(headers['retry-after-ms'])
  if (Number.isFinite(millis) && headers['retry-after-ms']) return millis
  const header = headers['retry-after']
  if (header)
    return Number.isFinite(Number(header))
      ? Number(header) * 1_000
      : Math.max(0, Date.parse(header) - Date.now())
  const delay = /"retryDelay"\s*:\s*"([\d.]+)s"/.exec(text)?.[1]
  return delay === undefined ? undefined : Number(delay) * 1_000
}

/** Keys, tokens and passwords in addresses do not belong into what users and logs read. */
function scrubbed(text: string): string {
  return text
    .replace(/\b(sk|pk|rk|key|xai|gsk|AIza)[-_]?[A-Za-z0-9_-]{16,}/g, '[key]')
    .replace(/(bearer\s+)[A-Za-z0-9._~+/=-]{8,}/gi, '$1[key]')
    .replace(/([?&](?:key|api_key|token)=)[^&\s"]+/gi, '$1[key]')
    .slice(0, 4_000)
}
