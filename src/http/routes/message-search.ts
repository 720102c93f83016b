import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import { type Endpoint, route } from '../route.ts'
import { ShownObject } from '../schemas/basics.ts'

const common = {
  search_mode: z.enum(['vector', 'fts', 'hybrid']).default('hybrid'),
  agent_id: z.string().nullish(),
  conversation_id: z.string().nullish(),
  limit: z.int().min(1).max(100).default(50),
  start_date: z.string().nullish(),
  end_date: z.string().nullish(),
}

const searchMessages = {
  method: 'post',
  path: '/messages/search',
  operationId: 'searchAllMessages',
  summary: 'Search the messages of an organisation: not available in this version',
  body: z.object({ query: z.string(), ...common }).openapi('SearchAllMessagesRequest'),
  answer: z.array(ShownObject),
} as const

const searchAgentMessages = {
  method: 'post',
  path: '/agents/messages/search',
  operationId: 'searchMessages',
  summary: 'Search the messages of agents: not available in this version',
  body: z
    .object({
      query: z.string().nullish(),
      ...common,
      roles: z.array(z.enum(['assistant', 'user', 'tool', 'function', 'system', 'approval'])).nullish(),
      project_id: z.string().nullish(),
      template_id: z.string().nullish(),
    })
    .openapi('MessageSearchRequest'),
  answer: z.array(ShownObject),
} as const

/** Clients know this refusal, and go on without the search. */
function refused(): never {
  throw new Fault(
    'bad_request',
    'Message search requires message embedding, OpenAI, and Turbopuffer to be enabled.',
  )
}

export function messageSearchRoutes(): Endpoint[] {
  return [route(searchMessages, refused), route(searchAgentMessages, refused)]
}
