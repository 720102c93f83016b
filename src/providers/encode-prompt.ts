import { createHash } from 'node:crypto'
import type {
  LanguageModelV4FilePart,
  LanguageModelV4FunctionTool,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4ReasoningPart,
  LanguageModelV4TextPart,
  LanguageModelV4ToolChoice,
  LanguageModelV4ToolResultOutput,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider'
import type { AssistantPart, ImagePart, ToolCall, UserPart } from '../domain/message.ts'
import type { ModelRequest, PromptMessage, PromptToolResult, ToolChoice, ToolSpec } from '../domain/model.ts'
import { strictSchema } from './strict-schema.ts'

/** What one wire family does in its own way with the parts of a prompt. */
export type PromptDialect = {
  /** How a part's opaque proof is sent back to the model that made it; undefined: the part is left out. */
  reasoning(
    part: Exclude<AssistantPart, { type: 'text' }>,
  ): { text: string; options: SharedV4ProviderOptions }[]
  textOptions?(signature: string): SharedV4ProviderOptions
  callOptions?(signature: string): SharedV4ProviderOptions
  /**
   * Which results the family takes images in. `of_successes`: those of calls that failed stand behind all results, in the
   * user's place. `of_none`: a note says how many there were.
   */
  imagesInResults: 'of_all' | 'of_successes' | 'of_none'
  /** Takes system messages anywhere; elsewhere they are an event that the user tells of. */
  systemAnywhere?: true
  /** The family's own form of a result, where text or parts are not it. */
  result?(content: PromptToolResult['content']): LanguageModelV4ToolResultOutput
  /** The family has a mark of its own for calls that failed; elsewhere the result's text says so. */
  marksFailures: boolean
  /** An answer at the end is refused, or taken for the beginning of the next one. */
  userSpeaksLast?: true
  /** Arguments can be held to a tool's schema to the letter. */
  strictTools?: true
  /** Ids of calls that the provider takes. */
  callId(id: string): string
  cache?: SharedV4ProviderOptions
}

const GO_ON = 'Please go on.'

/** Providers take ids of different lengths; the shortest bound of all is used. */
const CALL_ID_CHARS_MAX = 29

export function shortCallId(id: string): string {
  if (id.length <= CALL_ID_CHARS_MAX) return id
  return `call_${createHash('sha256').update(id).digest('hex').slice(0, 24)}`
}

export function encodePrompt(request: ModelRequest, dialect: PromptDialect): LanguageModelV4Prompt {
  const ids = new Map<string, string>()
  const callId = (id: string) => {
    const known = ids.get(id) ?? dialect.callId(id)
    ids.set(id, known)
    return known
  }
  const messages = request.messages.flatMap((message) =>
    message.role === 'tool'
      ? encodeResults(message.results, dialect, callId)
      : [encodeMessage(message, request, dialect, callId)],
  )
  if (dialect.userSpeaksLast && messages.at(-1)?.role === 'assistant') {
    messages.push({ role: 'user', content: [{ type: 'text', text: GO_ON }] })
  }
  const last = messages.at(-1)
  if (dialect.cache && last) last.providerOptions = dialect.cache
  const system: LanguageModelV4Message = {
    role: 'system',
    content: request.system.toWellFormed(),
    ...(dialect.cache && { providerOptions: dialect.cache }),
  }
  return request.system === '' ? messages : [system, ...messages]
}

function encodeMessage(
  message: Exclude<PromptMessage, { role: 'tool' }>,
  request: ModelRequest,
  dialect: PromptDialect,
  callId: (id: string) => string,
): LanguageModelV4Message {
  switch (message.role) {
    case 'user':
      return { role: 'user', content: message.content.map(encodeUserPart) }
    case 'system':
      return encodeSystem(message.text.toWellFormed(), dialect)
    case 'assistant': {
      const own = message.model === request.config.model
      return {
        role: 'assistant',
        content: [
          ...message.content.flatMap((part) => encodeAssistantPart(part, own, dialect)),
          ...message.toolCalls.map((call) => encodeCall(call, own, dialect, callId)),
        ],
      }
    }
  }
}

function encodeSystem(text: string, dialect: PromptDialect): LanguageModelV4Message {
  if (dialect.systemAnywhere) return { role: 'system', content: text }
  return { role: 'user', content: [{ type: 'text', text: `<event>SYSTEM ALERT: ${text}</event>` }] }
}

function encodeUserPart(part: UserPart) {
  return part.type === 'text' ? { type: 'text' as const, text: part.text.toWellFormed() } : encodeImage(part)
}

function encodeImage({ source }: ImagePart): LanguageModelV4FilePart {
  if (source.type === 'url')
    return { type: 'file', mediaType: 'image/*', data: { type: 'url', url: new URL(source.url) } }
  return { type: 'file', mediaType: source.mediaType, data: { type: 'data', data: source.data } }
}

/** Thinking goes back only to the model that thought it; another would refuse the signature. */
function encodeAssistantPart(
  part: AssistantPart,
  own: boolean,
  dialect: PromptDialect,
): (LanguageModelV4TextPart | LanguageModelV4ReasoningPart)[] {
  if (part.type === 'text') {
    const options = own && part.signature !== undefined ? dialect.textOptions?.(part.signature) : undefined
    return [
      { type: 'text' as const, text: part.text.toWellFormed(), ...(options && { providerOptions: options }) },
    ]
  }
  if (!own) return []
  return dialect
    .reasoning(part)
    .map(({ text, options }) => ({ type: 'reasoning' as const, text, providerOptions: options }))
}

function encodeCall(call: ToolCall, own: boolean, dialect: PromptDialect, callId: (id: string) => string) {
  const options = own && call.signature !== undefined ? dialect.callOptions?.(call.signature) : undefined
  return {
    type: 'tool-call' as const,
    toolCallId: callId(call.id),
    toolName: call.name,
    input: objectOf(call.arguments),
    ...(options && { providerOptions: options }),
  }
}

/** Providers want an object; what a model wrote instead is kept where it can be read. */
function objectOf(text: string): unknown {
  try {
    const value: unknown = text.trim() === '' ? {} : JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // Falls through: the raw text is the best there is.
  }
  return { _malformed_tool_arguments: text }
}

function encodeResults(
  results: PromptToolResult[],
  dialect: PromptDialect,
  callId: (id: string) => string,
): LanguageModelV4Message[] {
  const images = results.flatMap((result) => imagesBehind(result, dialect))
  const message: LanguageModelV4Message = {
    role: 'tool',
    content: results.map((result) => ({
      type: 'tool-result',
      toolCallId: callId(result.callId),
      toolName: result.name,
      output: encodeResult(result, dialect),
    })),
  }
  return images.length === 0 ? [message] : [message, { role: 'user', content: images.map(encodeImage) }]
}

function imagesBehind({ content, failed }: PromptToolResult, dialect: PromptDialect): ImagePart[] {
  if (!failed || dialect.imagesInResults !== 'of_successes' || typeof content === 'string') return []
  return content.filter((part) => part.type === 'image')
}

function encodeResult(result: PromptToolResult, dialect: PromptDialect): LanguageModelV4ToolResultOutput {
  const content = contentOf(result, dialect)
  if (dialect.result) return dialect.result(content)
  if (typeof content !== 'string') return { type: 'content', value: content.map(encodeResultPart) }
  const failed = result.failed && dialect.marksFailures
  return { type: failed ? 'error-text' : 'text', value: content.toWellFormed() }
}

/** What stands in the result itself. */
function contentOf(
  { content, failed }: PromptToolResult,
  { imagesInResults }: PromptDialect,
): PromptToolResult['content'] {
  if (typeof content === 'string' || imagesInResults === 'of_all') return content
  if (imagesInResults === 'of_none') return textFor(content, 'omitted')
  return failed ? textFor(content, 'below') : content
}

/** The texts, and a note that says how many images there are and where they went. */
function textFor(parts: UserPart[], where: 'omitted' | 'below'): string {
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
  const images = parts.length - texts.length
  const note = images === 1 ? `[Image ${where}]` : `[${images} images ${where}]`
  return [texts.join('\n'), ...(images > 0 ? [note] : [])].join(' ').trim()
}

export function encodeResultPart(part: UserPart) {
  if (part.type === 'text') return { type: 'text' as const, text: part.text.toWellFormed() }
  const file = encodeImage(part)
  return { type: 'file' as const, data: file.data, mediaType: file.mediaType }
}

export function encodeTools(request: ModelRequest, dialect: PromptDialect): LanguageModelV4FunctionTool[] {
  return request.tools.map((tool, index) => ({
    type: 'function',
    name: tool.name,
    description: tool.description,
    ...schemaOf(tool, request.config.strict && dialect.strictTools === true),
    ...(dialect.cache && index === request.tools.length - 1 && { providerOptions: dialect.cache }),
  }))
}

/** A client's own schema is not touched. */
function schemaOf(
  tool: ToolSpec,
  strict: boolean,
): Pick<LanguageModelV4FunctionTool, 'inputSchema' | 'strict'> {
  const parameters = strict && tool.isClients !== true ? strictSchema(tool.parameters) : null
  return {
    inputSchema: (parameters ?? tool.parameters) as LanguageModelV4FunctionTool['inputSchema'],
    ...(parameters && { strict: true }),
  }
}

export function encodeChoice(choice: ToolChoice): LanguageModelV4ToolChoice {
  return choice.type === 'tool' ? { type: 'tool', toolName: choice.name } : { type: choice.type }
}
