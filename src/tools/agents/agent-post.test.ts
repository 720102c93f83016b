import { describe, expect, it } from 'vitest'
import { newId } from '../../domain/id.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { BuiltInTool, ToolContext } from '../../domain/tool.ts'
import type { AgentPost } from './agent-post.ts'
import { sendMessageToAgentAndWaitForReply } from './send-message-to-agent-and-wait-for-reply.ts'
import { sendMessageToAgentAsync } from './send-message-to-agent-async.ts'
import { sendMessageToAgentsMatchingTags } from './send-message-to-agents-matching-tags.ts'

const SENDER = newId('agent')
const QUESTION = `[Incoming message from agent with ID '${SENDER}' - your response will be delivered to the sender] `
const NOTICE = `[Incoming message from agent with ID '${SENDER}' - this is a one-way notification] `

describe('a message to one agent', () => {
  it('says who sends it, keeps its letters, and comes back with what the other says', async () => {
    const { post, sent } = postOf({ ada: ['Hello.', 'Again.'] })
    const result = await run(sendMessageToAgentAndWaitForReply(post), {
      message: 'Hi Ada',
      other_agent_id: 'ada',
    })
    expect(sent).toEqual([['ada', `${QUESTION}Hi Ada`]])
    expect(result).toEqual({ ok: true, output: "{'agent_id': 'ada', 'response': ['Hello.', 'Again.']}" })
  })

  it('comes back with a note when the other says nothing', async () => {
    const { post } = postOf({ ada: [] })
    expect(
      await run(sendMessageToAgentAndWaitForReply(post), { message: 'x', other_agent_id: 'ada' }),
    ).toMatchObject({ output: "{'agent_id': 'ada', 'response': ['<no response>']}" })
  })

  it('fails as the post does', async () => {
    const { post } = postOf({})
    const running = run(sendMessageToAgentAndWaitForReply(post), { message: 'x', other_agent_id: 'bo' })
    await expect(running).rejects.toThrow('bo is not there')
  })

  it('needs a text and an agent', async () => {
    const { post, sent } = postOf({})
    expect(await run(sendMessageToAgentAndWaitForReply(post), {})).toMatchObject({
      errorName: 'TypeError',
      message:
        "send_message_to_agent_and_wait_for_reply() is missing 2 required arguments: 'message', 'other_agent_id'",
    })
    expect(sent).toEqual([])
  })
})

describe('a message that nobody waits for', () => {
  it('is left, and that is all', async () => {
    const { post, told, sent } = postOf({})
    const result = await run(sendMessageToAgentAsync(post), { message: 'FYI', other_agent_id: 'ada' })
    expect(result).toEqual({ ok: true, output: 'Successfully sent message' })
    expect(told).toEqual([['ada', `${NOTICE}FYI`]])
    expect(sent).toEqual([])
  })
})

describe('a message to agents with tags', () => {
  const args = { message: 'Hi', match_all: ['a'], match_some: ['b', 'c'] }

  it('goes to one after another, and collects answers and failures', async () => {
    const { post, sent, tags } = postOf({ ada: ['Yes'], cy: [] }, ['ada', 'bo', 'cy'])
    const result = await run(sendMessageToAgentsMatchingTags(post), args)
    expect(tags).toEqual([[['a'], ['b', 'c']]])
    expect(sent.map(([id]) => id)).toEqual(['ada', 'bo', 'cy'])
    expect(result).toEqual({
      ok: true,
      output:
        "[{'agent_id': 'ada', 'response': ['Yes']}, {'agent_id': 'bo', 'response': ['<error: bo is not there>']}, {'agent_id': 'cy', 'response': ['<no response>']}]",
    })
  })

  it('may go to nobody', async () => {
    const { post } = postOf({}, [])
    expect(await run(sendMessageToAgentsMatchingTags(post), args)).toEqual({ ok: true, output: '[]' })
  })

  it('goes to no further agent once the run is stopped', async () => {
    const abort = new AbortController()
    const { post, sent } = postOf({ ada: ['Yes'] }, ['ada', 'bo'])
    const stopping: AgentPost = {
      ...post,
      ask: async (...asked) => {
        abort.abort()
        return post.ask(...asked)
      },
    }
    await run(sendMessageToAgentsMatchingTags(stopping), args, abort.signal)
    expect(sent.map(([id]) => id)).toEqual(['ada'])
  })
})

/** A post that knows what some agents answer, and remembers what it was given. */
function postOf(answers: Record<string, string[]>, tagged: string[] = []) {
  const sent: [string, string][] = []
  const told: [string, string][] = []
  const tags: [string[], string[]][] = []
  const post: AgentPost = {
    async ask(agentId, text) {
      sent.push([agentId, text])
      const texts = answers[agentId]
      if (!texts) throw new Error(`${agentId} is not there`)
      return { agentId, texts }
    },
    async tell(agentId, text) {
      told.push([agentId, text])
    },
    async findByTags(all, some) {
      tags.push([all, some])
      return tagged
    },
  }
  return { post, sent, told, tags }
}

async function run({ tool }: BuiltInTool, args: JsonObject, signal = new AbortController().signal) {
  if (tool.effect !== 'acts') throw new Error('a message has an effect')
  expect(tool.idempotent).toBe(false)
  return tool.run(args, { agentId: SENDER, signal } as ToolContext)
}
