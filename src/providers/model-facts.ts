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
  const name = model.split('/').at(-1) ?? model
  return FAMILIES.find(([prefix]) => name.startsWith(prefix))?.[1]
}

/** OpenAI models that think before they answer: no temperature, an effort instead. */
export function isOpenAiReasoner(model: string): boolean {
  return /^(o1|o3|o4|gpt-5)/.test(model)
}

/** Claude models that can think. */
export function isClaudeReasoner(model: string): boolean {
  return /^claude-(3-7-sonnet|sonnet-4|opus-4|haiku-4-5|sonnet-5|opus-5|haiku-5)/.test(model)
}

/** Claude models that decide by themselves how much to think, and take no budget. */
export function thinksAdaptively(model: string): boolean {
  return /^claude-(opus-4-[6-9]|sonnet-4-[6-9]|sonnet-5|opus-5|haiku-5)/.test(model)
}

/** Models whose own default is to reason when an agent is made with them. */
export function reasonsByDefault(model: string): boolean {
  return isOpenAiReasoner(model) || isClaudeReasoner(model) || /^gemini-(2\.5|3)/.test(model)
}
