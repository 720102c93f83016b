import type { Json, JsonObject } from '../../src/domain/json.ts'
import { type ApiDocument, fitting, membersOf, type Operation, type Schema } from './json-schema.ts'
import { WRONG_PIECES, WRONG_TEXTS, WRONG_VALUES } from './wrong-values.ts'

export type ApiRequest = {
  method: string
  path: string
  headers: Record<string, string>
  body: string | undefined
}

/** Ids of things that are there, by the names that paths have for them. */
export type Known = Record<string, string>

type Random = () => number
type Target = { method: string; path: string; operation: Operation }

/**
 * Requests to every operation in turn, without an end, each wrong in one way: in its body, one member of it, its path, its
 * query or its headers. The same seed gives the same requests.
 */
export function* wrongRequests(document: ApiDocument, known: Known, seed: number): Generator<ApiRequest> {
  const random = randomOf(seed)
  const targets = targetsOf(document)
  while (true) for (const target of targets) yield wrongRequest(document, target, known, random)
}

/** A fitting request to every operation that names something, deletions too: for who has no right to it. */
export function rightRequests(document: ApiDocument, known: Known): ApiRequest[] {
  return targetsOf(document)
    .filter(({ path }) => path.includes('{'))
    .map((target) => ({ ...rightRequest(document, target), path: filled(target.path, known) }))
}

function targetsOf(document: ApiDocument): Target[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  )
}

function rightRequest(document: ApiDocument, { method, path, operation }: Target): ApiRequest {
  const schema = bodySchemaOf(operation)
  return {
    method: method.toUpperCase(),
    path,
    headers: { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1' },
    body: schema && JSON.stringify(fitting(document, schema)),
  }
}

function bodySchemaOf(operation: Operation): Schema | undefined {
  return operation.requestBody?.content['application/json']?.schema
}

function wrongRequest(document: ApiDocument, target: Target, known: Known, random: Random): ApiRequest {
  const schema = bodySchemaOf(target.operation)
  // What is there is not deleted: the requests behind this one need it.
  const named = target.method === 'delete' ? {} : known
  const right = { ...rightRequest(document, target), path: filled(target.path, named) }
  const ways = [
    () => ({ ...right, path: withWrongPiece(target.path, named, random) }),
    () => ({ ...right, path: `${right.path}?${queryOf(target, random)}` }),
    () => ({ ...right, headers: { ...right.headers, ...oneOf(WRONG_HEADERS, random) } }),
    ...(schema
      ? [
          () => ({ ...right, body: oneOf(WRONG_TEXTS, random) }),
          () => ({ ...right, body: JSON.stringify(oneOf(WRONG_VALUES, random)) }),
          ...Array(4).fill(() => ({ ...right, body: oneWrongMember(document, schema, random) })),
        ]
      : []),
  ]
  return oneOf(ways, random)()
}

const UNKNOWN_UUID = '00000000-0000-4000-8000-0000000000aa'

/** The path with the ids of things that are there; of things that are not, where none is known. */
function filled(path: string, known: Known): string {
  return path.replaceAll(PARAMETER, (_, name: string) => known[name] ?? unknownId(name))
}

function withWrongPiece(path: string, known: Known, random: Random): string {
  const names = [...path.matchAll(PARAMETER)].map((match) => match[1] ?? '')
  const wrong = oneOf([...names, ''], random)
  return filled(path, { ...known, [wrong]: oneOf(WRONG_PIECES, random) })
}

const PARAMETER = /\{(\w+)\}/g

function unknownId(name: string): string {
  return `${name.replace(/_id$/, '')}-${UNKNOWN_UUID}`
}

function queryOf({ operation }: Target, random: Random): string {
  const names = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query')
  const name = oneOf([...names.map((parameter) => parameter.name), 'unknown', '%00'], random)
  return `${name}=${oneOf(WRONG_PIECES, random)}`
}

function oneWrongMember(document: ApiDocument, schema: Schema, random: Random): string {
  const body = fitting(document, schema)
  const names = membersOf(document, schema)
  if (names.length === 0) return JSON.stringify(oneOf(WRONG_VALUES, random))
  const name = oneOf(names, random)
  return JSON.stringify({ ...(body as JsonObject), [name]: oneOf<Json>(WRONG_VALUES, random) })
}

const WRONG_HEADERS: Record<string, string>[] = [
  { 'content-type': 'text/plain' },
  { 'content-type': 'multipart/form-data' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'x' },
  { 'content-encoding': 'gzip' },
  { accept: 'text/html' },
  { user_id: 'bad' },
  { user_id: `user-${UNKNOWN_UUID}` },
  { 'x-project-id': 'x'.repeat(8_000) },
  { 'x-stainless-package-version': 'x'.repeat(8_000) },
  { 'x-stainless-retry-count': 'many' },
  { 'last-event-id': '-1' },
  { authorization: 'Bearer ' },
  { 'user-agent': '' },
  { origin: 'http://evil.example' },
]

function oneOf<Item>(items: Item[], random: Random): Item {
  // The index is within the list, and the lists here have items.
  return items[Math.floor(random() * items.length)] as Item
}

/** Numbers from 0 to 1, always the same for a seed (mulberry32). */
function randomOf(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
