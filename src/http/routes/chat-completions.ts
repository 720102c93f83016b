import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import { type AgentId, isId } from '../../domain/id.ts'
import { getAgentTarget } from '../../store/scopes.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { decodeSend, LettaStreamingRequest } from '../schemas/send.ts'
import { commandOf, startSend } from '../send.ts'
import { streamRun } from '../stream-run.ts'
import { chatChunkEncoder } from '../wire/chat-chunk.ts'

const ChatPart = z.looseObject({ type: z.string(), text: z.string().optional() })
const ChatMessage = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(ChatPart)]).nullish(),
})
type ChatMessage = z.output<typeof ChatMessage>

const ChatCompletionRequest = z
  .object({
    model: z.string().openapi({ description: 'The id of an agent.' }),
    messages: z.array(ChatMessage),
    stream: z.boolean().nullish(),
  })
  .openapi('ChatCompletionRequest')

/** An agent as an OpenAI model. The agent remembers for itself, so only the newest of the user's messages is read. */
export function chatRoutes(deps: HttpDeps): Endpoint[] {
  return [
    route(
      {
        method: 'post',
        path: '/chat/completions',
        operationId: 'createChatCompletion',
        summary: 'Talk to an agent as OpenAI clients do; only as a stream',
        body: ChatCompletionRequest,
        answer: z.string(),
        answerType: 'text/event-stream',
      },
      async (asked) => {
        const { body, actor } = asked
        const agentId = agentIdIn(body.model)
        const input = wordsIn(body.messages)
        const target = await getAgentTarget(deps.db, actor.organizationId, agentId)
        if (!body.stream) {
          throw new Fault(
            'invalid_argument',
            'Non-streaming chat completions not yet implemented. Please set stream=true.',
          )
        }
        const sent = decodeSend(LettaStreamingRequest.parse({ input }), true)
        const way = { transport: 'stream', runType: 'send_message_streaming', background: false } as const
        const { runId } = await startSend(deps, commandOf(asked, target, sent, way))
        return streamRun(deps.engine.deps, actor.organizationId, runId, {
          afterSeq: 0,
          includePings: false,
          pingMs: deps.engine.pingMs,
          encode: chatChunkEncoder(runId, target.config.model),
        })
      },
    ),
  ]
}

/** Faults: invalid_argument. */
function agentIdIn(model: string): AgentId {
  if (isId('agent', model)) return model
  throw new Fault(
    'invalid_argument',
    `For this endpoint, the 'model' field should contain an agent ID (format: 'agent-...'). Received: '${model}'`,
  )
}

/** Faults: invalid_argument when the user says nothing. */
function wordsIn(messages: ChatMessage[]): string {
  const content = messages.findLast(({ role }) => role === 'user')?.content ?? ''
  const words = typeof content === 'string' ? content : content.map(({ text }) => text ?? '').join('\n')
  if (words !== '') return words
  throw new Fault(
    'invalid_argument',
    "No user message found in the request. Please include at least one message with role='user'.",
  )
}
