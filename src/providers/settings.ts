import { wrongConfiguration } from '../domain/start-error.ts'
import { isHttpUrl } from '../lib/http-url.ts'
import { maskedUrl } from '../lib/masked-url.ts'

/** One provider that the operator has configured. */
export type ProviderSettings = {
  /** First part of its models' handles. */
  handleName: string
  /** What `provider_name` of its models says. */
  name: string
  /** `model_endpoint_type` of its models: the dialect, as the old server named it. */
  endpointType: string
  kind: ProviderKind
  apiKey: string | null
  /** As configured, without a slash at the end; null: the provider's own. */
  baseUrl: string | null
  /** Further values that some providers want: region, project, API version. */
  extra: Record<string, string>
}

export const PROVIDER_KINDS = [
  'openai',
  'anthropic',
  'google_ai',
  'google_vertex',
  'bedrock',
  'azure',
  'mistral',
  'groq',
  'deepseek',
  'xai',
  'together',
  'openrouter',
  'ollama',
  'lmstudio_openai',
  'vllm',
] as const
export type ProviderKind = (typeof PROVIDER_KINDS)[number]

/** Servers on the user's own machine. */
export const LOCAL_KINDS: ReadonlySet<ProviderKind> = new Set(['ollama', 'lmstudio_openai', 'vllm'])

type Env = Record<string, string | undefined>

type Source = {
  kind: ProviderKind
  endpointType: string
  /** Names of variables, the first that is set counts. */
  key: string[]
  url: string[]
  /** Variables of which one says that the provider is there; its key's, unless others are named. */
  there?: string[]
  /** First part of its models' handles, where it can be chosen. */
  handle?: string[]
  extra?: Record<string, string[]>
}

const SOURCES: Source[] = [
  {
    kind: 'openai',
    endpointType: 'openai',
    key: ['OPENAI_API_KEY'],
    url: ['OPENAI_BASE_URL', 'OPENAI_API_BASE'],
  },
  { kind: 'anthropic', endpointType: 'anthropic', key: ['ANTHROPIC_API_KEY'], url: ['ANTHROPIC_BASE_URL'] },
  {
    kind: 'google_ai',
    endpointType: 'google_ai',
    key: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
    url: ['GEMINI_BASE_URL'],
  },
  {
    kind: 'google_vertex',
    endpointType: 'google_vertex',
    key: ['GOOGLE_VERTEX_API_KEY'],
    url: [],
    there: ['GOOGLE_CLOUD_PROJECT'],
    extra: { project: ['GOOGLE_CLOUD_PROJECT'], location: ['GOOGLE_CLOUD_LOCATION'] },
  },
  {
    kind: 'bedrock',
    endpointType: 'bedrock',
    key: ['AWS_BEARER_TOKEN_BEDROCK'],
    url: ['BEDROCK_BASE_URL'],
    there: ['AWS_BEARER_TOKEN_BEDROCK', 'AWS_ACCESS_KEY_ID'],
    extra: {
      keyId: ['AWS_ACCESS_KEY_ID'],
      secret: ['AWS_SECRET_ACCESS_KEY'],
      session: ['AWS_SESSION_TOKEN'],
      region: ['AWS_DEFAULT_REGION', 'AWS_REGION'],
    },
  },
  {
    kind: 'azure',
    endpointType: 'azure',
    key: ['AZURE_API_KEY'],
    url: ['AZURE_BASE_URL'],
    there: ['AZURE_BASE_URL'],
    extra: { version: ['AZURE_API_VERSION'] },
  },
  { kind: 'mistral', endpointType: 'mistral', key: ['MISTRAL_API_KEY'], url: ['MISTRAL_BASE_URL'] },
  { kind: 'groq', endpointType: 'groq', key: ['GROQ_API_KEY'], url: ['GROQ_BASE_URL'] },
  { kind: 'deepseek', endpointType: 'deepseek', key: ['DEEPSEEK_API_KEY'], url: ['DEEPSEEK_BASE_URL'] },
  { kind: 'xai', endpointType: 'xai', key: ['XAI_API_KEY'], url: ['XAI_BASE_URL'] },
  { kind: 'together', endpointType: 'together', key: ['TOGETHER_API_KEY'], url: ['TOGETHER_BASE_URL'] },
  {
    kind: 'openrouter',
    endpointType: 'openrouter',
    key: ['OPENROUTER_API_KEY'],
    url: ['OPENROUTER_BASE_URL'],
    handle: ['OPENROUTER_HANDLE_BASE'],
    extra: { referer: ['OPENROUTER_REFERER'], title: ['OPENROUTER_TITLE'] },
  },
  {
    kind: 'ollama',
    endpointType: 'openai',
    key: ['OLLAMA_API_KEY'],
    url: ['OLLAMA_BASE_URL'],
    there: ['OLLAMA_BASE_URL'],
  },
  {
    kind: 'lmstudio_openai',
    endpointType: 'openai',
    key: ['LMSTUDIO_API_KEY'],
    url: ['LMSTUDIO_BASE_URL'],
    there: ['LMSTUDIO_BASE_URL'],
  },
  {
    kind: 'vllm',
    endpointType: 'openai',
    key: ['VLLM_API_KEY'],
    url: ['VLLM_API_BASE', 'VLLM_BASE_URL'],
    there: ['VLLM_API_BASE', 'VLLM_BASE_URL'],
    handle: ['VLLM_HANDLE_BASE'],
  },
]

const OPENAI_HOST = /^https:\/\/api\.openai\.com(\/|$)/

export function isOpenAiUrl(url: string | null): boolean {
  return url !== null && OPENAI_HOST.test(url)
}

/** The variable that counts: `PERDURE_` names win over the usual ones. */
function findVariable(env: Env, names: string[]): string | undefined {
  return names.flatMap((name) => [`PERDURE_${name}`, name]).find((variable) => env[variable])
}

function valueIn(env: Env, names: string[]): string | undefined {
  const variable = findVariable(env, names)
  return variable && env[variable]
}

/** Throws StartError, naming the variables that hold no address. */
export function checkAddresses(env: Env): void {
  const wrong = SOURCES.flatMap(({ kind, url }) => {
    const variable = findVariable(env, url)
    return variable && !isHttpUrl(env[variable] ?? '')
      ? [`${variable} must be an address that begins with http:// or https:// (${kind}: base URL)`]
      : []
  })
  if (wrong.length > 0) throw wrongConfiguration(wrong)
}

/** What of providers' settings is a secret, of the values besides the key. */
const SECRETS = ['keyId', 'secret', 'session']

/** What the environment says of providers; secrets are masked. Throws as `checkAddresses` does. */
export function showProviders(env: Env): { variable: string; value: string; about: string }[] {
  checkAddresses(env)
  return SOURCES.flatMap(({ kind, key, url, handle = [], extra = {} }) =>
    Object.entries({ key, 'base URL': url, 'first part of its handles': handle, ...extra }).flatMap(
      ([what, names]) => {
        const value = valueIn(env, names) ?? ''
        const isSecret = value !== '' && (what === 'key' || SECRETS.includes(what))
        const [variable] = names
        const about = `${kind}: ${what}`
        return variable ? [{ variable, value: isSecret ? '********' : maskedUrl(value), about }] : []
      },
    ),
  )
}

/** The providers that the environment names. Throws as `checkAddresses` does. */
export function providersFromEnv(env: Env): ProviderSettings[] {
  checkAddresses(env)
  const read = (names: string[]) => valueIn(env, names)
  return SOURCES.flatMap((source) => {
    const apiKey = read(source.key) ?? null
    const baseUrl = read(source.url)?.replace(/\/+$/, '') ?? null
    if (read(source.there ?? source.key) === undefined) return []
    const isProxy = source.kind === 'openai' && baseUrl !== null && !isOpenAiUrl(baseUrl)
    const extra = Object.entries(source.extra ?? {}).map(([name, names]) => [name, read(names) ?? ''])
    return [
      {
        handleName: read(source.handle ?? []) ?? (isProxy ? 'openai-proxy' : source.kind),
        name: source.kind,
        endpointType: source.endpointType,
        kind: source.kind,
        apiKey,
        baseUrl,
        extra: Object.fromEntries(extra),
      },
    ]
  })
}

const BASE_URLS: Partial<Record<ProviderKind, string>> = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1',
  google_ai: 'https://generativelanguage.googleapis.com/v1beta',
  mistral: 'https://api.mistral.ai/v1',
  groq: 'https://api.groq.com/openai/v1',
  deepseek: 'https://api.deepseek.com',
  xai: 'https://api.x.ai/v1',
  together: 'https://api.together.xyz/v1',
  openrouter: 'https://openrouter.ai/api/v1',
}

/** The address up to the version, whether the operator wrote the version or not. */
export function versionedUrl(settings: ProviderSettings): string {
  const url = settings.baseUrl ?? BASE_URLS[settings.kind] ?? ''
  if (/\/v\d+[a-z]*$/.test(url) || settings.kind === 'deepseek' || settings.kind === 'azure') return url
  return `${url}/${settings.kind === 'google_ai' ? 'v1beta' : 'v1'}`
}

/** The address without the version: where a local server's own routes are. */
export function rootUrl(settings: ProviderSettings): string {
  return versionedUrl(settings).replace(/\/v\d+[a-z]*$/, '')
}

/** `model_endpoint` of the provider's models, as the old server showed it. */
export function shownEndpoint(settings: ProviderSettings): string | null {
  if (settings.kind === 'google_ai') return 'https://generativelanguage.googleapis.com'
  if (settings.kind === 'anthropic') return 'https://api.anthropic.com/v1'
  if (settings.kind === 'azure') return settings.baseUrl
  return settings.kind === 'bedrock' || settings.kind === 'google_vertex' ? null : versionedUrl(settings)
}
