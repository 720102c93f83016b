import { integer, listOf, optional, record, text } from '../parameters.ts'
import { laterTool } from './later-tool.ts'

const REASON = 'agents that talk on the phone are not supported.'

const CHUNK = record({
  start_index: integer('Its first line.'),
  end_index: integer('Its last line.'),
  context: text('What was going on, so that it can be understood alone.'),
})

export const storeMemories = laterTool(REASON, {
  name: 'store_memories',
  toolType: 'letta_voice_sleeptime_core',
  description: 'Keep parts of a talk that has left your view.',
  parameters: { chunks: listOf(CHUNK, 'The parts.') },
})

export const rethinkUserMemory = laterTool(REASON, {
  name: 'rethink_user_memory',
  toolType: 'letta_voice_sleeptime_core',
  description: 'Write anew what is known about the user.',
  parameters: { new_memory: text('All that is known about them.') },
})

export const finishRethinkingMemory = laterTool(REASON, {
  name: 'finish_rethinking_memory',
  toolType: 'letta_voice_sleeptime_core',
  description: 'Say that what is known about the user is complete.',
  parameters: {},
})

export const searchMemory = laterTool(REASON, {
  name: 'search_memory',
  toolType: 'letta_voice_sleeptime_core',
  description: 'Look for something in earlier talks.',
  parameters: {
    convo_keyword_queries: optional(listOf(text(), 'Words that were said.')),
    start_minutes_ago: optional(integer('How many minutes ago the span begins.')),
    end_minutes_ago: optional(integer('How many minutes ago the span ends.')),
  },
})
