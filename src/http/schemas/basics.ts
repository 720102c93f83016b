import { z } from '@hono/zod-openapi'
import { type Id, type IdPrefix, idPattern } from '../../domain/id.ts'
import type { JsonObject } from '../../domain/json.ts'

/** PostgreSQL's integers end here. */
export const INT_MAX = 2_147_483_647

/** An id of one kind; of another kind or shape, the request does not fit. */
export function id<Prefix extends IdPrefix>(prefix: Prefix) {
  return (
    z
      .string()
      .regex(new RegExp(idPattern(prefix)), `String should match pattern '${prefix}-{uuid4}'`)
      // The pattern has just been checked.
      .transform((value) => value as Id<Prefix>)
      .openapi({
        type: 'string',
        pattern: idPattern(prefix),
        example: `${prefix}-123e4567-e89b-42d3-8456-426614174000`,
      })
  )
}

/** Any JSON object; what is in it is the caller's affair. */
export const AnyObject = z
  .record(z.string(), z.unknown())
  // A body holds what JSON can say, and nothing else.
  .transform((value) => value as JsonObject)
  .openapi({ type: 'object', additionalProperties: true })

export const ShownObject = z.custom<JsonObject>().openapi({ type: 'object', additionalProperties: true })

/** Where a caller wants to be told of an end. */
export const CallbackUrl = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
    message: 'callback_url must start with http:// or https://',
  })

export const Timestamp = z.string().openapi({ format: 'date-time' })

/** The answer of routes that have nothing to say. */
export const NoAnswer = z.null()

export const MessageAnswer = z.object({ message: z.string() })
