import { Agent as HttpAgent, type IncomingMessage, request as requestPlain } from 'node:http'
import { Agent as HttpsAgent, request as requestSecure } from 'node:https'
import { APICallError } from '@ai-sdk/provider'

/** A call of a model, ready to go. */
export type Call = {
  url: string
  headers: Record<string, string>
  body: string
  signal: AbortSignal | null
  /** Hears of each piece of the answer as it arrives. */
  onPiece(piece: Uint8Array): void
}

export type SendCall = (call: Call) => Promise<Response>

/** Shorter than any server keeps an unused connection that does not say for how long it does. Milliseconds. */
const UNUSED_MS = 4_000
/** Pieces of an answer that wait for their reader before the provider has to. */
const PIECES_MAX = 16

/** Proxies are used where Node is told to, as its `fetch` does. */
const KEEP = {
  keepAlive: true,
  timeout: UNUSED_MS,
  ...(process.env.NODE_USE_ENV_PROXY === '1' && { proxyEnv: process.env }),
}
const PLAIN = { request: requestPlain, agent: new HttpAgent(KEEP) }
const SECURE = { request: requestSecure, agent: new HttpsAgent(KEEP) }

/**
 * What `fetch` does, on Node's own client: half of the processor time of a call, and fewer streams in it. Failures are
 * those of `fetch`. A redirect is one: it would take the key to another address.
 */
export const sendCall: SendCall = (call) =>
  new Promise((resolve, reject) => {
    const { url, headers, body, signal } = call
    const { request, agent } = /^http:/i.test(url) ? PLAIN : SECURE
    const sent = request(url, { method: 'POST', agent, headers, ...(signal && { signal }) })
    sent.on('response', (answer) => {
      const { statusCode: status = 0 } = answer
      const hasBody = status === 200 || status >= 400
      if (hasBody) return resolve(toResponse(call, answer, status))
      answer.resume()
      reject(unexpected(call, status, answer.headers.location))
    })
    sent.on('error', (cause) => reject(failureOf(call, 'fetch failed', cause)))
    sent.end(body)
  })

function failureOf({ signal }: Call, message: string, cause: Error): unknown {
  return signal?.aborted ? signal.reason : new TypeError(message, { cause })
}

function unexpected({ url }: Call, statusCode: number, location: string | undefined): APICallError {
  const message = location
    ? `The address of the provider redirects to ${location}: set its base URL to where the API is.`
    : `The provider answered with status ${statusCode}.`
  return new APICallError({ message, url, requestBodyValues: {}, statusCode, isRetryable: false })
}

function toResponse(call: Call, answer: IncomingMessage, status: number): Response {
  const headers = new Headers()
  for (const [name, values = []] of Object.entries(answer.headersDistinct))
    for (const value of values) headers.append(name, value)
  return new Response(streamOf(call, answer), { status, statusText: answer.statusMessage ?? '', headers })
}

function streamOf(call: Call, answer: IncomingMessage): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream(
    {
      start(controller) {
        answer.on('data', (piece: Buffer<ArrayBuffer>) => {
          call.onPiece(piece)
          controller.enqueue(piece)
          if ((controller.desiredSize ?? 0) <= 0) answer.pause()
        })
        answer.on('end', () => controller.close())
        answer.on('error', (cause) => controller.error(failureOf(call, 'terminated', cause)))
      },
      pull() {
        answer.resume()
      },
      cancel() {
        answer.destroy()
      },
    },
    { highWaterMark: PIECES_MAX },
  )
}
