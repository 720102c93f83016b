export type WireFormat = 'openai-chat' | 'openai-responses' | 'anthropic' | 'google';

/** Why a provider would refuse this body; null: it takes it. */
export function refusalOf(wire: WireFormat, model: string, body: unknown): string | null;
