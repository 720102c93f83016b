import type { Json, JsonObject } from '../../domain/json.ts'

/** Readers of JSON that a provider sent, which may have any shape: what is not there is empty. */
export function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}

export function itemsOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : []
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
