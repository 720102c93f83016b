/** An opaque payload of a provider, made from a text; the strict checks know it again. */
export function seal(kind: 'sig' | 'thought' | 'reasoning' | 'id', text: string): string;
export function sealReasoning(text: string): string;
