/**
 * Which generation of clients asks. Old ones expect whole agents where new ones expect null, and relations that new ones
 * ask for by `include`.
 */
export type SdkMode = 'current' | 'legacy'

const CURRENT_AGENTS = ['letta-client/1.', '@letta-ai/letta-client/1.']

export function sdkModeOf(headers: Headers): SdkMode {
  if (headers.get('x-stainless-package-version')) return 'current'
  const agent = headers.get('user-agent')
  return !agent || CURRENT_AGENTS.some((prefix) => agent.startsWith(prefix)) ? 'current' : 'legacy'
}
