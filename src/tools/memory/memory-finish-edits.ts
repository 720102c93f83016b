import { readTool } from '../define.ts'

/** Ends the turn of an agent that tends memory in the background; the rules of such agents say so. */
export const memoryFinishEdits = readTool(
  {
    name: 'memory_finish_edits',
    toolType: 'letta_sleeptime_core',
    description: 'Say that the memory is as it should be. Call it last, once no edit is left to make.',
    parameters: {},
  },
  // What the old server showed of a function without a result.
  async () => 'None',
)
