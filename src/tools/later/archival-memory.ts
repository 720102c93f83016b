import { integer, listOf, oneOf, optional, text } from '../parameters.ts'
import { laterTool } from './later-tool.ts'

const REASON = 'archival memory comes in a later release. Keep what matters in your memory blocks.'

export const archivalMemoryInsert = laterTool(REASON, {
  name: 'archival_memory_insert',
  toolType: 'letta_core',
  description: 'Put a piece of text into your archival memory, to find it again later.',
  parameters: {
    content: text('The text to keep. It should make sense by itself.'),
    tags: optional(listOf(text(), 'Words to find it by.')),
  },
})

export const archivalMemorySearch = laterTool(REASON, {
  name: 'archival_memory_search',
  toolType: 'letta_core',
  description: 'Look for what you have put into your archival memory, by what it means.',
  parameters: {
    query: text('What it should be about.'),
    tags: optional(listOf(text(), 'Only what has these tags.')),
    tag_match_mode: optional(oneOf(['any', 'all'], 'Whether one of the tags is enough, or all are needed.')),
    top_k: optional(integer('How many results at most.')),
    start_datetime: optional(text('Only what was kept from then on, in ISO 8601.')),
    end_datetime: optional(text('Only what was kept until then, in ISO 8601.')),
  },
  parallel: true,
})
