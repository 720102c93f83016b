import { lookup } from 'node:dns/promises'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { Fault } from '../domain/fault.ts'

/** Which hosts may be reached though they are inside: names, addresses or networks that the operator lists. */
export type OutboundGuard = { allow: string[] }

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

/** For a socket that is being opened: the addresses that were checked are the ones that are used. */
export function guardedLookup(guard: OutboundGuard): LookupFunction {
  return (host, options, done) => {
    lookup(host, { ...options, all: true }).then(
      (found) => {
        const refused = guard.allow.includes(host)
          ? undefined
          : found.find(({ address }) => isInside(address) && !isAllowed(address, guard))
        if (refused) return done(new Error(`${host} is inside the server's own network`), [])
        const [first] = found
        if (options.all) done(null, found)
        else done(null, first?.address ?? '', first?.family)
      },
      (error: unknown) => done(error as NodeJS.ErrnoException, []),
    )
  }
}

async function addressesOf(host: string, url: string): Promise<string[]> {
  const found = await lookup(host, { all: true }).catch(() => [])
  if (found.length === 0) throw new Fault('bad_request', `${url} cannot be reached: its host is not known`)
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
