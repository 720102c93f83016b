import { z } from '@hono/zod-openapi'
import type { JsonObject } from '../../domain/json.ts'
import type { ResponseFormat as DomainFormat } from '../../domain/model.ts'

const JsonSchema = z
  .record(z.string(), z.unknown())
  // A body holds what JSON can say, and nothing else.
  .transform((value) => value as JsonObject)
  .openapi({ type: 'object', additionalProperties: true })

export const ResponseFormat: z.ZodType<DomainFormat> = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('text') }),
    z.object({ type: z.literal('json_object') }),
    z.object({ type: z.literal('json_schema'), json_schema: JsonSchema }),
  ])
  .openapi('ResponseFormat')
