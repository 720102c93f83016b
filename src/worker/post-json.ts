import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { checkAddress, guardedLookup, type OutboundGuard } from './outbound-guard.ts'

export type Posted = { ok: true; status: number } | { ok: false; why: string }

/**
 * Sends a JSON body and waits for the status; what is answered is not read, and redirects are not followed. With a guard
 * it reaches nothing inside the server's own network, whatever a name says the second time that it is asked.
 */
export async function postJson(
  url: string,
  body: string,
  options: { headers: Record<string, string>; waitMs: number; guard: OutboundGuard | null },
): Promise<Posted> {
  try {
    if (options.guard) await checkAddress(url, options.guard)
    return { ok: true, status: await post(url, body, options) }
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) }
  }
}

function post(
  url: string,
  body: string,
  { headers, waitMs, guard }: Parameters<typeof postJson>[2],
): Promise<number> {
  const start = url.startsWith('https:') ? requestHttps : requestHttp
  return new Promise((done, fail) => {
    const request = start(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
      signal: AbortSignal.timeout(waitMs),
      agent: false,
      ...(guard && { lookup: guardedLookup(guard) }),
    })
    request.on('error', (error) =>
      fail(error.name === 'AbortError' ? new Error(`it did not answer within ${waitMs} ms`) : error),
    )
    request.on('response', (response) => {
      response.destroy()
      done(response.statusCode ?? 0)
    })
    request.end(body)
  })
}
