import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { Fault } from '../domain/fault.ts'
import type { ImagePart, UserPart } from '../domain/message.ts'
import { checkAddress, guardedLookup, type OutboundGuard } from './outbound-guard.ts'

/** Bytes of one image. */
const IMAGE_BYTES_MAX = 20_000_000
const FETCH_MS = 5_000
const REDIRECTS_MAX = 3

/** Parts as a model can be given them: images that are elsewhere are fetched, before anything is admitted. */
export async function resolveImages(parts: UserPart[], guard: OutboundGuard): Promise<UserPart[]> {
  return Promise.all(parts.map((part) => (part.type === 'image' ? resolveImage(part, guard) : part)))
}

async function resolveImage(part: ImagePart, guard: OutboundGuard): Promise<ImagePart> {
  if (part.source.type === 'base64') return part
  const { url } = part.source
  const data = /^data:([^;,]*)(?:;[^,]*)?,(.*)$/s.exec(url)
  if (data) return image(data[1] || 'image/jpeg', data[2] ?? '')
  const { bytes, mediaType } = await fetchImage(url, guard)
  return image(mediaType, bytes.toString('base64'))
}

function image(mediaType: string, data: string): ImagePart {
  return { type: 'image', source: { type: 'base64', mediaType, data } }
}

async function fetchImage(url: string, guard: OutboundGuard): Promise<{ bytes: Buffer; mediaType: string }> {
  let at = url
  for (let hops = 0; hops <= REDIRECTS_MAX; hops++) {
    await checkAddress(at, guard)
    try {
      const response = await get(at, guard)
      const { location } = response.headers
      const status = response.statusCode ?? 0
      if (status >= 300 && status < 400 && location) {
        response.destroy()
        at = new URL(location, at).toString()
        continue
      }
      if (status < 200 || status >= 300) throw failed(url, `it answered ${status}`)
      return { mediaType: mediaTypeOf(response, url), bytes: await boundedBody(response, url) }
    } catch (error) {
      if (error instanceof Fault) throw error
      throw failed(url, error instanceof Error ? error.message : String(error))
    }
  }
  throw failed(url, 'it redirects too often')
}

/** Reaches the addresses that were checked, whatever the name says the second time that it is asked. */
function get(url: string, guard: OutboundGuard): Promise<IncomingMessage> {
  const start = url.startsWith('https:') ? requestHttps : requestHttp
  return new Promise((done, fail) => {
    const request = start(url, {
      headers: { accept: 'image/*', 'user-agent': 'perdure' },
      signal: AbortSignal.timeout(FETCH_MS),
      agent: false,
      lookup: guardedLookup(guard),
    })
    request.on('error', (error) =>
      fail(error.name === 'AbortError' ? new Error(`it did not answer within ${FETCH_MS} ms`) : error),
    )
    request.on('response', done)
    request.end()
  })
}

async function boundedBody(response: IncomingMessage, url: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > IMAGE_BYTES_MAX) {
      response.destroy()
      throw failed(url, `it is larger than ${IMAGE_BYTES_MAX} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const MEDIA_BY_SUFFIX: Record<string, string> = { png: 'image/png', gif: 'image/gif', webp: 'image/webp' }

function mediaTypeOf(response: IncomingMessage, url: string): string {
  const header = response.headers['content-type']?.split(';')[0]?.trim()
  if (header?.startsWith('image/')) return header
  if (header && header !== 'application/octet-stream') throw failed(url, `it is ${header}, not an image`)
  const suffix = new URL(url).pathname.split('.').at(-1)?.toLowerCase() ?? ''
  return MEDIA_BY_SUFFIX[suffix] ?? 'image/jpeg'
}

function failed(url: string, why: string): Fault {
  return new Fault('bad_request', `Failed to fetch image from ${url}: ${why}`)
}
