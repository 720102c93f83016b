/** What is known of model families; a provider that tells wins over this. Tokens. */
type Facts = { window: number; outputMax: number }

/**
 * By the beginning of the name, the first that fits. Sources: the providers' model pages. Unknown models get the
 * default of their provider.
 */
const FAMILIES: [prefix: string, facts: Facts][] = [
  ['gpt-4.1', { window: 1_047_576, outputMax: 16_384 }],
  ['gpt-4o', { window: 128_000, outputMax: 16_384 }],
  ['gpt-4-turbo', { window: 128_000, outputMax: 4_096 }],
  ['gpt-4', { window: 8_192, outputMax: 4_096 }],
  ['gpt-3.5', { window: 16_385, outputMax: 4_096 }],
  ['gpt-5.2', { window: 272_000, outputMax: 128_000 }],
  ['gpt-5.3', { window: 272_000, outputMax: 128_000 }],
  ['gpt-5.4', { window: 1_050_000, outputMax: 128_000 }],
  ['gpt-5.5', { window: 1_050_000, outputMax: 128_000 }],
  ['gpt-5', { window: 272_000, outputMax: 16_384 }],
  ['o1-mini', { window: 128_000, outputMax: 16_384 }],
  ['o1', { window: 200_000, outputMax: 16_384 }],
  ['o3', { window: 200_000, outputMax: 16_384 }],
  ['o4', { window: 200_000, outputMax: 16_384 }],
  ['text-embedding', { window: 8_191, outputMax: 16_384 }],
  ['claude-haiku', { window: 200_000, outputMax: 8_192 }],
  ['claude-3-5-haiku', { window: 200_000, outputMax: 8_192 }],
  ['claude-sonnet-4-6', { window: 200_000, outputMax: 21_000 }],
  ['claude-opus-4-6', { window: 200_000, outputMax: 21_000 }],
  ['claude', { window: 200_000, outputMax: 16_384 }],
  ['gemini', { window: 1_048_576, outputMax: 65_536 }],
  ['deepseek', { window: 128_000, outputMax: 8_192 }],
  ['grok-4', { window: 256_000, outputMax: 16_384 }],
  ['grok', { window: 131_072, outputMax: 16_384 }],
  ['mistral-large', { window: 128_000, outputMax: 16_384 }],
]

const OUTPUT_MAX_DEFAULT = 16_384

export function windowOf(model: string, fallback: number): number {
  return factsOf(model)?.window ?? fallback
}

export function outputMaxOf(model: string, endpointType: string): number {
  if (endpointType === 'anthropic') return factsOf(model)?.outputMax ?? 8_192
  if (endpointType === 'google_ai' || endpointType === 'google_vertex') return 65_536
  return factsOf(model)?.outputMax ?? OUTPUT_MAX_DEFAULT
}

function factsOf(model: string): Facts | undefined {
  const name = bareName(model)
  return FAMILIES.find(([prefix]) => name.startsWith(prefix))?.[1]
}

/** The maker's own name of a model that others offer: `us.anthropic.claude-…`, `vendor/gpt-…`. */
function bareName(model: string): string {
  return model.replace(/^.*\//, '').replace(/^([a-z-]+\.)?anthropic\./, '')
}

/** OpenAI models that think before they answer: no temperature, an effort instead. */
export function isOpenAiReasoner(model: string): boolean {
  return /^(o[1-9]|gpt-[5-9])(?!.*chat)/.test(model)
}

export function isClaude(model: string): boolean {
  return bareName(model).startsWith('claude-')
}

/** Claude models that can think. */
export function isClaudeReasoner(model: string): boolean {
  return /^claude-(3-7-sonnet|haiku-4-5|(sonnet|opus)-4|[a-z]+-[5-9])/.test(bareName(model))
}

/** Claude models that decide by themselves how much to think, and take no budget. */
export function thinksAdaptively(model: string): boolean {
  return /^claude-((sonnet|opus)-4-[6-9]|[a-z]+-[5-9])/.test(bareName(model))
}

/** Claude models that can be told how hard to work; the others refuse it. */
export function takesEffort(model: string): boolean {
  return /^claude-(opus-4-[5-9]|sonnet-4-[6-9]|[a-z]+-[5-9])/.test(bareName(model))
}

/** The newest Claude models refuse sampling parameters. */
export function takesTemperature(model: string): boolean {
  return !/^claude-((sonnet|opus)-4-[7-9]|[a-z]+-[5-9])/.test(bareName(model))
}

/** Claude models that answer in the form of a schema by themselves; the older ones would have to be forced to a call. */
export function takesSchema(model: string): boolean {
  return /^claude-((sonnet|haiku)-4-[5-9]|opus-4-[1-9]|[a-z]+-[5-9])/.test(bareName(model))
}

/** OpenAI's own name of a model, and whether it is asked for in the fast tier, which a suffix of ours says. */
export function tierOf(model: string): { model: string; isFast: boolean } {
  const name = model.replace(/-fast$/, '')
  return { model: name, isFast: name !== model }
}

/** OpenAI models whose prompts stay in its cache for a day when asked to; with the others it is minutes. */
export function cachesForADay(model: string): boolean {
  return /^(gpt-4\.1|gpt-5)/.test(model) && !model.startsWith('gpt-5-mini')
}

/** Models whose own default is to reason when an agent is made with them. */
export function reasonsByDefault(model: string): boolean {
  return isOpenAiReasoner(model) || isClaudeReasoner(model) || /^gemini-(2\.5|3)/.test(model)
}
