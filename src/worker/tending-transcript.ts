import type { Message } from '../domain/message.ts'
import { textOf } from '../domain/message.ts'
import { isNudge, isSummary } from '../domain/view.ts'
import { clampText } from '../loop/tool-return.ts'
import { outputText } from '../loop/turn-history.ts'

/** `told`: how many of the messages, from the first on, are in the text. */
export type Transcript = { text: string; told: number }

/**
 * What an agent that tends the memory of another is told: its task, and what was said, as much of it as there is room for,
 * and at least one message. Null: nothing was said.
 */
export function tendingText(messages: Message[], charsMax: number): Transcript | null {
  const parts: string[] = []
  let chars = 0
  let told = 0
  for (const message of messages) {
    const part = isNudge(message) || isSummary(message) ? '' : linesOf(message).join('\n')
    const shown = clampText(part, charsMax)
    if (parts.length > 0 && chars + shown.length > charsMax) break
    if (shown !== '') parts.push(shown)
    chars += shown.length
    told += 1
  }
  return parts.length === 0 ? null : { text: `${REMINDER}\n\nMessages:\n${parts.join('\n')}`, told }
}

/** The same of the newest messages: those for which there is no room are the oldest. */
export function newestTendingText(messages: Message[], charsMax: number): Transcript | null {
  for (let from = 0; ; from++) {
    const transcript = tendingText(messages.slice(from), charsMax)
    if (!transcript || transcript.told === messages.length - from) return transcript
  }
}

const REMINDER = `<system-reminder>
You work in the background, for an agent that talks with people; you are not that agent, and nobody reads what you write. Below is what was said lately: "assistant" is that agent, the other names are those who talk with it.
Your task is the memory that you share with it. Bring the blocks up to date as your block memory_persona says, then finish.
</system-reminder>`

function linesOf(message: Message): string[] {
  switch (message.role) {
    case 'user':
      return message.content.map((part) =>
        part.type === 'text'
          ? `${message.name ?? 'user'}: ${part.text}`
          : `${message.name ?? 'user'}: [image]`,
      )
    case 'assistant':
    case 'approval_request': {
      const thoughts = message.content.flatMap((part) =>
        part.type === 'reasoning' ? [`assistant: <thinking>${part.reasoning}</thinking>`] : [],
      )
      const text = textOf(message.content)
      const calls = message.toolCalls.map((call) => `assistant: Calling tool ${call.name} ${call.arguments}`)
      return [...thoughts, ...(text === '' ? [] : [`assistant: ${text}`]), ...calls]
    }
    case 'tool':
      return message.returns
        .filter(({ output }) => output !== null)
        .map((result) => `assistant: Tool call returned ${outputText(result)}`)
    case 'approval_response':
      return message.answers.flatMap((answer) => {
        if (answer.type === 'tool') return []
        return answer.approve
          ? ['[User approved]']
          : [`[User rejected: ${answer.reason ?? 'no reason given'}]`]
      })
    case 'system':
    case 'summary':
      return []
  }
}
