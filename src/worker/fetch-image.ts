import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { Fault } from '../domain/fault.ts'
import type { ImagePart, UserPart } from '../domain/message.ts'

/** Bytes of one image. */
const IMAGE_BYTES_MAX = 20_000_000
const FETCH_MS = 5_000
const REDIRECTS_MAX = 3

/** Which hosts may be reached though they are inside: names, addresses or networks that the operator lists. */
export type OutboundGuard = { allow: string[] }

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

const INSIDE = insideNetworks()

function insideNetworks(): BlockList {
  const list = new BlockList()
  const networks: [string, number, 'ipv4' | 'ipv6'][] = [
    ['0.0.0.0', 8, 'ipv4'],
    ['10.0.0.0', 8, 'ipv4'],
    ['100.64.0.0', 10, 'ipv4'],
    ['127.0.0.0', 8, 'ipv4'],
    ['169.254.0.0', 16, 'ipv4'],
    ['172.16.0.0', 12, 'ipv4'],
    ['192.0.0.0', 24, 'ipv4'],
    ['192.168.0.0', 16, 'ipv4'],
    ['198.18.0.0', 15, 'ipv4'],
    ['224.0.0.0', 3, 'ipv4'],
    ['::', 127, 'ipv6'],
    ['64:ff9b::', 96, 'ipv6'],
    ['fc00::', 7, 'ipv6'],
    ['fe80::', 10, 'ipv6'],
    ['ff00::', 8, 'ipv6'],
  ]
  for (const [network, prefix, family] of networks) list.addSubnet(network, prefix, family)
  return list
}

/** Refuses addresses inside the network that the server stands in. Faults: bad_request. */
export async function checkAddress(url: string, guard: OutboundGuard): Promise<void> {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) {
    throw new Fault(
      'bad_request',
      `Invalid URL: ${url}. It must start with http://, https:// or (for images) data:`,
    )
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  if (guard.allow.includes(host)) return
  const addresses = isIP(host) ? [host] : await addressesOf(host, url)
  for (const address of addresses) {
    if (isInside(address) && !isAllowed(address, guard)) {
      throw new Fault(
        'bad_request',
        `${url} is inside the server's own network; the operator can allow it by PERDURE_OUTBOUND_ALLOW`,
      )
    }
  }
}

async function addressesOf(host: string, url: string): Promise<string[]> {
  const found = await lookup(host, { all: true }).catch(() => [])
  if (found.length === 0) throw failed(url, 'its host is not known')
  return found.map(({ address }) => address)
}

function isInside(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  const plain = mapped ?? address
  return INSIDE.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4')
}

function isAllowed(address: string, guard: OutboundGuard): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  return guard.allow.some((entry) => {
    const [network = '', prefix] = entry.split('/')
    if (!isIP(network)) return false
    if (prefix === undefined) return network === address
    const list = new BlockList()
    list.addSubnet(network, Number(prefix), isIP(network) === 6 ? 'ipv6' : 'ipv4')
    return list.check(address, family)
  })
}
