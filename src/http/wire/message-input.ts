import { Fault } from '../../domain/fault.ts'
import type { GivenAnswer, InputItem } from '../../domain/input.ts'
import type { ImagePart, ImageSource, TextPart, UserPart } from '../../domain/message.ts'
import type {
  ApprovalCreate,
  ContentPart,
  ImageSourceInput,
  MessageCreate,
  MessageInput,
  ToolReturnCreate,
  UserContentPart,
} from '../schemas/message-input.ts'

type ToolReturnInput = ToolReturnCreate['tool_returns'][number]

/** What images are taken for when nothing says it: sent by a user, or by a client's tool. */
const USER_IMAGE_TYPE = 'image/jpeg'
const RESULT_IMAGE_TYPE = 'image/png'

/**
 * The items of a request: messages, or an answer with messages behind it. Faults: bad_request for an answer anywhere else,
 * which would be lost, and as below.
 */
export function decodeInputs(items: MessageInput[]): InputItem[] {
  const decoded = items.map(decodeInput)
  const lost = decoded.findIndex(({ type }, index) => type === 'answer' && index > 0)
  if (lost > 0) {
    const rule = `${items[lost]?.type} must come first, and only messages may follow it`
    throw new Fault('bad_request', `Invalid item at messages[${lost}]: an item of type ${rule}.`)
  }
  return decoded
}

/** One item of a request. Faults: bad_request for content that no agent can be given. */
export function decodeInput(item: MessageInput): InputItem {
  switch (item.type) {
    case 'message':
      return decodeMessage(item)
    case 'approval':
      return { type: 'answer', answers: decodeApprovals(item), ...decodeHead(item) }
    case 'tool_return':
      return { type: 'answer', answers: item.tool_returns.map(decodeToolReturn), ...decodeHead(item) }
  }
}

/** The `input` of a request: one message of the user. */
export function decodeSugar(content: MessageCreate['content']): InputItem {
  return decodeMessage({ type: 'message', role: 'user', content })
}

function decodeMessage(item: MessageCreate): InputItem {
  return {
    type: 'message',
    role: item.role,
    content: decodeContent(item.role, item.content),
    name: item.name ?? null,
    senderId: item.sender_id ?? null,
    ...decodeHead(item),
  }
}

function decodeHead(item: MessageInput): { otid: string | null; groupId: string | null } {
  return { otid: item.otid ?? null, groupId: item.group_id ?? null }
}

function decodeContent(role: MessageCreate['role'], content: MessageCreate['content']): UserPart[] {
  if (content.length === 0) throw new Fault('bad_request', 'Message content is empty or invalid')
  return typeof content === 'string'
    ? [{ type: 'text', text: content }]
    : content.map((part) => decodePart(part, role))
}

/** The other kinds of part are a model's; who writes for it can only give it words. */
function decodePart(part: ContentPart, role: MessageCreate['role']): UserPart {
  if (part.type === 'text') return decodeText(part)
  if (part.type === 'image' && role === 'user') return decodeImage(part.source, USER_IMAGE_TYPE)
  const kinds = role === 'user' ? 'text and images' : 'text'
  throw new Fault('bad_request', `Message content of the role ${role} can hold ${kinds}, not ${part.type}`)
}

function decodeText(part: Extract<ContentPart, { type: 'text' }>): TextPart {
  return { type: 'text', text: part.text, ...(part.signature && { signature: part.signature }) }
}

/** The deprecated form has its one decision in the item itself, and names the request instead of the call. */
function decodeApprovals(item: ApprovalCreate): GivenAnswer[] {
  if (item.approvals?.length) {
    return item.approvals.map((answer) =>
      answer.type === 'tool'
        ? decodeToolReturn(answer)
        : {
            type: 'approval',
            callId: answer.tool_call_id,
            approve: answer.approve,
            reason: answer.reason ?? null,
          },
    )
  }
  if (typeof item.approve !== 'boolean' || !item.approval_request_id) return []
  return [
    {
      type: 'approval',
      callId: item.approval_request_id,
      approve: item.approve,
      reason: item.reason ?? null,
    },
  ]
}

function decodeToolReturn(result: ToolReturnInput): GivenAnswer {
  const { tool_return: output } = result
  return {
    type: 'tool',
    callId: result.tool_call_id,
    status: result.status,
    output: typeof output === 'string' ? output : output.map(decodeResultPart),
    stdout: result.stdout ?? null,
    stderr: result.stderr ?? null,
  }
}

function decodeResultPart(part: UserContentPart): UserPart {
  return part.type === 'text' ? decodeText(part) : decodeImage(part.source, RESULT_IMAGE_TYPE)
}

function decodeImage(source: ImageSourceInput, mediaTypeDefault: string): ImagePart {
  return { type: 'image', source: decodeSource(source, mediaTypeDefault) }
}

function decodeSource(source: ImageSourceInput, mediaTypeDefault: string): ImageSource {
  switch (source.type) {
    case 'base64':
      return base64(source.data, source.media_type, source.detail)
    case 'letta':
      // Clients send back what they were shown: the file's id with its content.
      if (!source.data)
        throw new Fault('bad_request', `Image ${source.file_id} has no data, and no such file is stored`)
      return base64(source.data, source.media_type ?? mediaTypeDefault, source.detail)
    case 'url':
      return decodeUrl(source.url, mediaTypeDefault)
  }
}

function decodeUrl(url: string, mediaTypeDefault: string): ImageSource {
  const data = /^data:([^;,]*)((?:;[^;,]*)*),(.*)$/is.exec(url)
  if (data) {
    const [, mediaType, flags = '', content = ''] = data
    const encoded = /;\s*base64$/i.test(flags) ? content : Buffer.from(unescaped(content)).toString('base64')
    return base64(encoded, mediaType || mediaTypeDefault)
  }
  if (!/^https?:\/\//i.test(url)) {
    throw new Fault('bad_request', 'Image URLs must begin with http:, https: or data:')
  }
  return { type: 'url', url }
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Fault('bad_request', 'Image data URL is malformed')
  }
}

function base64(data: string, mediaType: string, detail?: string | null): ImageSource {
  return { type: 'base64', mediaType, data, ...(detail && { detail }) }
}
