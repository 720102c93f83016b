import type { Message } from '../../domain/message.ts'
import { textOf } from '../../domain/message.ts'
import { cutText } from '../../lib/cut.ts'
import { outputText } from '../turn-history.ts'

/** The conversation as text, a line per message. `returnCharsMax`: results are cut to it; null: whole. */
export function transcriptOf(messages: Message[], returnCharsMax: number | null): string {
  const lines = messages.flatMap((message) => linesOf(message, returnCharsMax))
  return `<conversation>\n${lines.join('\n')}\n</conversation>\n\nSummarise the conversation above.`
}

function linesOf(message: Message, returnCharsMax: number | null): string[] {
  switch (message.role) {
    case 'user':
    case 'summary':
      return [`[user] ${textOf(message.content)}`]
    case 'assistant':
    case 'approval_request': {
      const text = textOf(message.content)
      const calls = message.toolCalls.map((call) => `[assistant] -> ${call.name}(${call.arguments})`)
      return text === '' ? calls : [`[assistant] ${text}`, ...calls]
    }
    case 'tool':
      return message.returns.map((result) => {
        const text = outputText(result)
        return `[tool ${result.name ?? ''}] ${returnCharsMax === null ? text : cutText(text, returnCharsMax)}`
      })
    case 'system':
    case 'approval_response':
      return []
  }
}

/** The beginning and the end of a text that is too long for its reader. `bytesMax` bounds the whole. */
export function cutMiddle(text: string, bytesMax: number): string {
  const size = Buffer.byteLength(text)
  if (size <= bytesMax) return text
  const share = 0.5 * Math.max(0, bytesMax / size)
  const head = text.slice(0, Math.floor(text.length * share)).toWellFormed()
  const tail = text.slice(text.length - Math.floor(text.length * share)).toWellFormed()
  return `${head}\n[... the middle of the conversation is left out ...]\n${tail}`
}
