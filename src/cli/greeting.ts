export type Greeted = {
  version: string
  url: string
  database: string
  /** First parts of the handles of the providers that the environment names. */
  providers: string[]
  /** Handles of all models that are there. */
  models: string[]
  /** Whether requests must carry one. */
  password: boolean
}

/** What a server says when it is ready: where it is, what it has, and a line that works. */
export function greetingOf({ version, url, database, providers, models, password }: Greeted): string {
  const header = password ? ` -H "authorization: Bearer $PERDURE_PASSWORD"` : ''
  const body = JSON.stringify({ model: models[0], memory_blocks: [{ label: 'human', value: '' }] })
  return [
    `Perdure ${version} listens on ${url}`,
    `  data:      ${database}`,
    `  providers: ${providersLine(providers, models)}`,
    `  try:       curl -s ${url}/v1/agents/${header} -H 'content-type: application/json' -d '${body}'`,
  ].join('\n')
}

function providersLine(providers: string[], models: string[]): string {
  if (providers.length === 0)
    return 'none: no key is set. There is perdure/offline, which is built in, and is not a language model'
  return providers
    .map((name) => {
      const count = models.filter((handle) => handle.startsWith(`${name}/`)).length
      return count > 0 ? `${name} (${count} models)` : `${name} (lists no models)`
    })
    .join(', ')
}
