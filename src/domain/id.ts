import { randomUUID } from 'node:crypto'

/** Every kind of id is `<prefix>-<uuid4>`, lower case: a log line says what it names. */
export const ID_PREFIXES = [
  'agent',
  'block',
  'message',
  'run',
  'job',
  'step',
  'tool',
  'conv',
  'org',
  'user',
  'group',
  'identity',
  'provider',
  'model',
  'source',
  'file',
  'archive',
  'passage',
  'agent-env',
  'tool_rule',
  'provider_trace',
  'process',
  'schedule',
  'batch_req',
  'batch_item',
] as const

export type IdPrefix = (typeof ID_PREFIXES)[number]
export type Id<Prefix extends IdPrefix> = `${Prefix}-${string}`

export type AgentId = Id<'agent'>
export type BlockId = Id<'block'>
export type ConversationId = Id<'conv'>
export type MessageId = Id<'message'>
export type OrganizationId = Id<'org'>
export type ProcessId = Id<'process'>
export type RunId = Id<'run'>
export type StepId = Id<'step'>
export type ToolId = Id<'tool'>
export type UserId = Id<'user'>

const UUID4 = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'

export function newId<Prefix extends IdPrefix>(prefix: Prefix): Id<Prefix> {
  return `${prefix}-${randomUUID()}`
}

/** The pattern that ids of one kind match, as a source for `RegExp` and for JSON Schema. */
export function idPattern(prefix: IdPrefix): string {
  return `^${prefix}-${UUID4}$`
}

export function isId<Prefix extends IdPrefix>(prefix: Prefix, value: string): value is Id<Prefix> {
  return new RegExp(idPattern(prefix)).test(value)
}

/** The tenant and the user of a server that has no others. */
export const DEFAULT_ORGANIZATION: OrganizationId = 'org-00000000-0000-4000-8000-000000000000'
export const DEFAULT_USER: UserId = 'user-00000000-0000-4000-8000-000000000000'
