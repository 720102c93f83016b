import type { Message } from '../domain/message.ts'
import { textOf } from '../domain/message.ts'
import { isNudge, isSummary } from '../domain/view.ts'
import { outputText } from '../loop/turn-history.ts'

/** What an agent that tends the memory of another is told: its task, and what was said. Null: nothing was. */
export function tendingText(messages: Message[]): string | null {
  const lines = messages.filter((message) => !isNudge(message) && !isSummary(message)).flatMap(linesOf)
  return lines.length === 0 ? null : `${REMINDER}\n\nMessages:\n${lines.join('\n')}`
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
