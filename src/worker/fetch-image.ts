import { Fault } from '../domain/fault.ts'
import type { ImagePart, UserPart } from '../domain/message.ts'
import { checkAddress, type OutboundGuard } from './outbound-guard.ts'

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
    const response = await fetch(at, { redirect: 'manual', signal: AbortSignal.timeout(FETCH_MS) }).catch(
      (error: unknown) => {
        throw failed(url, error instanceof Error ? error.message : String(error))
      },
    )
    const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null
    if (location) {
      at = new URL(location, at).toString()
      continue
    }
    if (!response.ok) throw failed(url, `it answered ${response.status}`)
    return { bytes: await boundedBody(response, url), mediaType: mediaTypeOf(response, url) }
  }
  throw failed(url, 'it redirects too often')
}

async function boundedBody(response: Response, url: string): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > IMAGE_BYTES_MAX) throw failed(url, `it is larger than ${IMAGE_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const MEDIA_BY_SUFFIX: Record<string, string> = { png: 'image/png', gif: 'image/gif', webp: 'image/webp' }

function mediaTypeOf(response: Response, url: string): string {
  const header = response.headers.get('content-type')?.split(';')[0]?.trim()
  if (header?.startsWith('image/')) return header
  if (header && header !== 'application/octet-stream') throw failed(url, `it is ${header}, not an image`)
  const suffix = new URL(url).pathname.split('.').at(-1)?.toLowerCase() ?? ''
  return MEDIA_BY_SUFFIX[suffix] ?? 'image/jpeg'
}

function failed(url: string, why: string): Fault {
  return new Fault('bad_request', `Failed to fetch image from ${url}: ${why}`)
}
