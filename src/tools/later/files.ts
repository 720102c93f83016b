import { boolean, integer, listOf, optional, record, text } from '../parameters.ts'
import { laterTool } from './later-tool.ts'

const REASON = 'folders and their files come in a later release.'

const FILE_REQUEST = record({
  file_name: text('Name of the file to open'),
  offset: optional(integer('First line to show, counted from 0.')),
  length: optional(integer('How many lines to show.')),
})

export const openFiles = laterTool(REASON, {
  name: 'open_files',
  toolType: 'letta_files_core',
  description: 'Lay files of your folders open, or parts of them, so that you have their text before you.',
  parameters: {
    file_requests: listOf(FILE_REQUEST, 'What to open.'),
    close_all_others: optional(boolean('Whether all other files are closed.')),
  },
})

export const grepFiles = laterTool(REASON, {
  name: 'grep_files',
  toolType: 'letta_files_core',
  description: 'Find the lines of your files that match a regular expression.',
  parameters: {
    pattern: text('The regular expression.'),
    include: optional(text('Only files whose names match this pattern, such as *.md.')),
    context_lines: optional(integer('How many lines to show above and below each match.')),
    offset: optional(integer('How many matches to pass over.')),
  },
  parallel: true,
})

export const semanticSearchFiles = laterTool(REASON, {
  name: 'semantic_search_files',
  toolType: 'letta_files_core',
  description: 'Find the passages of your files that are about something.',
  parameters: {
    query: text('What they should be about.'),
    limit: optional(integer('How many results at most.')),
  },
  parallel: true,
})
