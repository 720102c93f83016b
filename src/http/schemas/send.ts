import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import { MESSAGE_TYPES } from '../../domain/frame.ts'
import type { InputItem } from '../../domain/input.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { ToolSpec } from '../../domain/model.ts'
import type { TurnOptions } from '../../domain/turn.ts'
import { decodeInputs, decodeSugar } from '../wire/message-input.ts'
import { CallbackUrl } from './basics.ts'
import { ContentPart, MessageInput } from './message-input.ts'

const STEPS_MAX_DEFAULT = 50
const NO_PARAMETERS: JsonObject = { type: 'object', properties: {} }

const ClientTool = z.object({
  name: z.string(),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
})

const ClientSkillInput = z.object({ name: z.string(), description: z.string(), location: z.string() })

/** What every request to an agent can say. */
const requestFields = {
  messages: z.array(MessageInput).nullish(),
  input: z.union([z.string(), z.array(ContentPart)]).nullish(),
  max_steps: z.int().min(1).default(STEPS_MAX_DEFAULT),
  use_assistant_message: z.boolean().default(true).openapi({ deprecated: true }),
  assistant_message_tool_name: z.string().default('send_message').openapi({ deprecated: true }),
  assistant_message_tool_kwarg: z.string().default('message').openapi({ deprecated: true }),
  include_return_message_types: z.array(z.enum(MESSAGE_TYPES)).nullish(),
  client_tools: z.array(ClientTool).nullish(),
  client_skills: z.array(ClientSkillInput).nullish(),
  override_model: z.string().nullish(),
  override_system: z.string().nullish(),
  system: z.string().nullish().openapi({ description: 'The same as `override_system`.' }),
  include_compaction_messages: z.boolean().default(false),
  return_logprobs: z.boolean().default(false),
  top_logprobs: z.int().min(0).max(20).nullish(),
  return_token_ids: z.boolean().default(false),
}

const streamFields = {
  stream_tokens: z.boolean().default(false),
  include_pings: z.boolean().default(true),
  background: z.boolean().default(false),
}

export const LettaRequest = withInput(z.object(requestFields)).openapi('LettaRequest')

export const LettaStreamingRequest = withInput(
  z.object({ ...requestFields, streaming: z.boolean().default(false), ...streamFields }),
).openapi('LettaStreamingRequest')

export const ConversationMessageRequest = withInput(
  z.object({
    ...requestFields,
    agent_id: z.string().nullish(),
    streaming: z.boolean().default(true),
    ...streamFields,
  }),
).openapi('ConversationMessageRequest')

export const LettaAsyncRequest = withInput(
  z.object({ ...requestFields, callback_url: CallbackUrl.nullish() }),
).openapi('LettaAsyncRequest')

type SendRequest = z.output<typeof LettaRequest> &
  Partial<Pick<z.output<typeof LettaStreamingRequest>, 'streaming' | keyof typeof streamFields>> &
  Partial<Pick<z.output<typeof ConversationMessageRequest>, 'agent_id'>> &
  Partial<Pick<z.output<typeof LettaAsyncRequest>, 'callback_url'>>

/** What a caller sends to an agent, decoded. `items` has at least one item. */
export type SendBody = TurnOptions & {
  items: InputItem[]
  returnLogprobs: boolean
  topLogprobs: number | null
  returnTokenIds: boolean
  /** Answer with a stream of events instead of one JSON body. */
  streaming: boolean
  streamTokens: boolean
  includePings: boolean
  background: boolean
  /** Whose default conversation is meant, where the address does not say it. */
  agentId: string | null
  callbackUrl: string | null
}

/**
 * A parsed body as the rest of the server reads it. `streaming`: what the route decides; undefined: the body
 * does. Faults: unprocessable for no messages, and for stream options without a stream; bad_request for
 * content that no agent can be given, and for an answer that is not the first item.
 */
export function decodeSend(body: SendRequest, streaming = body.streaming ?? false): SendBody {
  const stream = decodeStream(body, streaming)
  return {
    items: decodeItems(body),
    stepsMax: body.max_steps,
    useAssistantMessage: body.use_assistant_message,
    assistantToolName: body.assistant_message_tool_name,
    assistantToolKwarg: body.assistant_message_tool_kwarg,
    returnTypes: body.include_return_message_types ?? null,
    clientTools: (body.client_tools ?? []).map(toToolSpec),
    clientSkills: body.client_skills ?? [],
    overrideModel: body.override_model ?? null,
    overrideSystem: body.override_system ?? body.system ?? null,
    includeCompactionMessages: body.include_compaction_messages,
    returnLogprobs: body.return_logprobs,
    topLogprobs: body.top_logprobs ?? null,
    returnTokenIds: body.return_token_ids,
    ...stream,
    agentId: body.agent_id ?? null,
    callbackUrl: body.callback_url ?? null,
  }
}

function decodeItems(body: SendRequest): InputItem[] {
  if (body.input !== undefined && body.input !== null) return [decodeSugar(body.input)]
  const messages = body.messages ?? []
  if (messages.length === 0) throw new Fault('unprocessable', 'Messages must not be empty')
  return decodeInputs(messages)
}

function decodeStream(body: SendRequest, streaming: boolean) {
  const { stream_tokens: streamTokens = false, include_pings: includePings = true, background = false } = body
  if (!streaming && (streamTokens || background || !includePings)) {
    const cure = 'Set streaming to true, or leave out stream_tokens, background and include_pings.'
    throw new Fault('unprocessable', `Streaming options set without streaming enabled. ${cure}`)
  }
  return { streaming, streamTokens, includePings, background }
}

function toToolSpec(tool: z.output<typeof ClientTool>): ToolSpec {
  // A body holds what JSON can say, and nothing else.
  const parameters = tool.parameters as JsonObject | null | undefined
  return { name: tool.name, description: tool.description ?? '', parameters: parameters ?? NO_PARAMETERS }
}

/** Exactly one of the two ways to say something. */
function withInput<Schema extends z.ZodType<{ messages?: unknown; input?: unknown }>>(
  schema: Schema,
): Schema {
  return schema
    .refine((body) => !(isGiven(body.input) && isGiven(body.messages)), {
      error: "Cannot specify both 'input' and 'messages'. Use one or the other.",
    })
    .refine((body) => isGiven(body.input) || isGiven(body.messages), {
      error: "Must specify either 'input' or 'messages'.",
    })
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}
