import { isIP } from 'node:net'

const LABEL = '[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?'
const NAME = new RegExp(`^${LABEL}(\\.${LABEL})*\\.?$`)

/**
 * A host's name, an address or a network (`10.0.0.0/8`), written as addresses of requests write it. Undefined: it is none
 * of them.
 */
export function toHostEntry(text: string): string | undefined {
  const [address = '', prefix, ...rest] = text.split('/')
  if (prefix === undefined) return isIP(text) === 0 ? nameOf(text) : addressOf(text)
  const bitsMax = isIP(address) === 6 ? 128 : 32
  const isNetwork = rest.length === 0 && isIP(address) !== 0 && /^\d{1,3}$/.test(prefix)
  return isNetwork && Number(prefix) <= bitsMax ? text : undefined
}

function addressOf(text: string): string | undefined {
  const url = isIP(text) === 6 ? `http://[${text}]` : `http://${text}`
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : undefined
}

/** A name that would be read as an address, as `10.1` is, is none. */
function nameOf(text: string): string | undefined {
  if (/[\s:@?#%\\[\]]/.test(text) || !URL.canParse(`http://${text}`)) return undefined
  const { hostname } = new URL(`http://${text}`)
  return isIP(hostname) === 0 && NAME.test(hostname) ? hostname : undefined
}
