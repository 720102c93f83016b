import type { ApiRequest } from './wrong-requests.ts'

/** How long one answer may take, in milliseconds. */
const ANSWER_MS_MAX = 20_000
/** What a server that is asked wrongly never says. */
const CRASHED = new Set([500, 502, 503, 504])

/**
 * Sends a wrong request; what is wrong with the answer, undefined: nothing. A refusal says why, in one of the forms that
 * clients read; a success is fine too, because some of the requests are only odd.
 */
export async function complaintOf(url: string, request: ApiRequest): Promise<string | undefined> {
  const { method, path, headers, body } = request
  try {
    const response = await fetch(url + path, {
      method,
      // A connection for each, so that none is kept for the next.
      headers: { ...headers, connection: 'close' },
      ...(body !== undefined && { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    })
    const text = await response.text()
    const isRight = !CRASHED.has(response.status) && (response.status < 400 || saysWhy(text))
    return isRight ? undefined : `${told(request)} -> ${response.status} ${text.slice(0, 300)}`
  } catch (error) {
    return `${told(request)} -> ${String(error)}`
  }
}

function saysWhy(text: string): boolean {
  try {
    const { detail, error } = JSON.parse(text)
    return [detail, detail?.message, error?.message].some((why) => typeof why === 'string' && why !== '')
  } catch {
    return false
  }
}

function told({ method, path, headers, body }: ApiRequest): string {
  return `${method} ${path.slice(0, 200)} ${JSON.stringify(headers).slice(0, 200)} ${(body ?? '').slice(0, 200)}`
}
