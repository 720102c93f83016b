import { z } from '@hono/zod-openapi'

const optionalText = z.string().nullish()

const TextContent = z.object({ type: z.literal('text'), text: z.string(), signature: optionalText })

export const ImageSourceInput = z.discriminatedUnion('type', [
  z.object({ type: z.literal('url'), url: z.string() }),
  z.object({ type: z.literal('base64'), media_type: z.string(), data: z.string(), detail: optionalText }),
  z.object({
    type: z.literal('letta'),
    file_id: z.string(),
    media_type: optionalText,
    data: optionalText,
    detail: optionalText,
  }),
])
export type ImageSourceInput = z.infer<typeof ImageSourceInput>

const ImageContent = z.object({ type: z.literal('image'), source: ImageSourceInput })

/** What a user's message and a client tool's result can hold. */
export const UserContentPart = z
  .discriminatedUnion('type', [TextContent, ImageContent])
  .openapi('UserContentInput')
export type UserContentPart = z.infer<typeof UserContentPart>

/**
 * All that the old server took as content. What a caller has no use for is refused when the message is
 * decoded.
 */
export const ContentPart = z
  .discriminatedUnion('type', [
    TextContent,
    ImageContent,
    z.object({
      type: z.literal('tool_call'),
      id: z.string(),
      name: z.string(),
      input: z.record(z.string(), z.unknown()),
      signature: optionalText,
    }),
    z.object({
      type: z.literal('tool_return'),
      tool_call_id: z.string(),
      content: z.string(),
      is_error: z.boolean(),
    }),
    z.object({
      type: z.literal('reasoning'),
      is_native: z.boolean(),
      reasoning: z.string(),
      signature: optionalText,
    }),
    z.object({ type: z.literal('redacted_reasoning'), data: z.string() }),
    z.object({ type: z.literal('omitted_reasoning'), signature: optionalText }),
    z.object({
      type: z.literal('summarized_reasoning'),
      id: z.string(),
      summary: z.array(z.object({ index: z.int(), text: z.string() })),
      encrypted_content: optionalText,
    }),
  ])
  .openapi('MessageContentInput')
export type ContentPart = z.infer<typeof ContentPart>

const ApprovalReturn = z.object({
  type: z.literal('approval'),
  tool_call_id: z.string(),
  approve: z.boolean(),
  reason: optionalText,
})

const toolReturnFields = {
  tool_return: z.union([z.string(), z.array(UserContentPart)]),
  status: z.enum(['success', 'error']),
  tool_call_id: z.string(),
  stdout: z.array(z.string()).nullish(),
  stderr: z.array(z.string()).nullish(),
}

const heads = { otid: optionalText, group_id: optionalText }

export const MessageCreate = z
  .object({
    type: z.literal('message'),
    ...heads,
    role: z.enum(['user', 'system', 'assistant']),
    content: z.union([z.string(), z.array(ContentPart)]),
    name: optionalText,
    sender_id: optionalText,
    batch_item_id: optionalText,
  })
  .openapi('MessageCreate')
export type MessageCreate = z.infer<typeof MessageCreate>

export const ApprovalCreate = z
  .object({
    type: z.literal('approval'),
    ...heads,
    approvals: z
      .array(
        z.discriminatedUnion('type', [
          ApprovalReturn,
          z.object({ type: z.literal('tool'), ...toolReturnFields }),
        ]),
      )
      .nullish(),
    approve: z.boolean().nullish().openapi({ deprecated: true }),
    approval_request_id: optionalText.openapi({ deprecated: true }),
    reason: optionalText.openapi({ deprecated: true }),
  })
  .openapi('ApprovalCreate')
export type ApprovalCreate = z.infer<typeof ApprovalCreate>

export const ToolReturnCreate = z
  .object({
    type: z.literal('tool_return'),
    ...heads,
    tool_returns: z.array(z.object({ type: z.literal('tool').default('tool'), ...toolReturnFields })),
  })
  .openapi('ToolReturnCreate')
export type ToolReturnCreate = z.infer<typeof ToolReturnCreate>

/** One item of a request. Without a `type` it is what its fields say: a decision, or else a message. */
export const MessageInput = z.preprocess(
  withType,
  z.discriminatedUnion('type', [MessageCreate, ApprovalCreate, ToolReturnCreate]),
)
export type MessageInput = z.infer<typeof MessageInput>

export function withType(item: unknown): unknown {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return item
  if ('type' in item && item.type !== null && item.type !== undefined) return item
  const isApproval = 'approval_request_id' in item || 'approve' in item
  return { ...item, type: isApproval ? 'approval' : 'message' }
}
