import { z } from 'zod'
import { readTool } from './define.ts'
import { type Parameter, text } from './parameters.ts'

/** An agent with a response format is offered a schema of its own here, and sends what fits that. */
const message: Parameter = { ...text('What the user gets to read.'), check: z.unknown() }

/** How agents of the older kinds talk to people: the call itself is shown as the answer. */
export const sendMessage = readTool(
  {
    name: 'send_message',
    toolType: 'letta_core',
    description: 'Sends a message to the human user.',
    parameters: { message },
  },
  async () => 'Sent message successfully.',
)
