import { z } from 'zod'
import { readTool, stringOf } from './define.ts'

/** How agents of the older types talk to their user: the call is shown as the answer. */
export const sendMessage = readTool(
  {
    name: 'send_message',
    toolType: 'letta_core',
    description: 'Sends a message to the human user.',
    properties: { message: stringOf('What to say to the user.') },
    required: ['message'],
  },
  z.object({ message: z.unknown() }).refine(({ message }) => message !== undefined, { path: ['message'] }),
  async () => 'Sent message successfully.',
)

/** Says that a background agent has finished with the memory. */
export const memoryFinishEdits = readTool(
  {
    name: 'memory_finish_edits',
    toolType: 'letta_sleeptime_core',
    description: 'Call this when you have made all the edits that the memory needs.',
    properties: {},
    required: [],
  },
  z.object({}),
  async () => 'None',
)
