import { z } from 'zod'
import type { BuiltInTool } from '../domain/tool.ts'
import { actTool, type Description, integerOf, stringOf, stringsOf, ToolError } from './define.ts'

/**
 * Tools that agents of the old server may have and that this release cannot run: they are there by name, so that such
 * agents work, and a call says what is missing.
 */
const LATER: Description[] = [
  {
    name: 'archival_memory_insert',
    toolType: 'letta_core',
    description: 'Store a piece of text in your archival memory, for later search.',
    properties: { content: stringOf('The text to store.'), tags: stringsOf('Tags to find it by.') },
    required: ['content'],
  },
  {
    name: 'archival_memory_search',
    toolType: 'letta_core',
    description: 'Search your archival memory by meaning.',
    properties: {
      query: stringOf('What to look for.'),
      tags: stringsOf('Only entries with these tags.'),
      tag_match_mode: {
        type: 'string',
        enum: ['any', 'all'],
        description: 'Whether one tag is enough, or all are needed.',
      },
      top_k: integerOf('How many results at most.'),
      start_datetime: stringOf('Only entries from this time on (ISO 8601).'),
      end_datetime: stringOf('Only entries up to this time (ISO 8601).'),
    },
    required: ['query'],
    parallel: true,
  },
  {
    name: 'run_code',
    toolType: 'letta_builtin',
    description: 'Run a piece of code and read what it prints.',
    properties: {
      code: stringOf('The code to run.'),
      language: {
        type: 'string',
        enum: ['python', 'js', 'ts', 'r', 'java'],
        description: 'The language of the code.',
      },
    },
    required: ['code', 'language'],
    parallel: true,
  },
  {
    name: 'run_code_with_tools',
    toolType: 'letta_builtin',
    description: 'Run Python code that can call your other tools as functions.',
    properties: { code: stringOf('The python code to run.') },
    required: ['code'],
  },
  {
    name: 'web_search',
    toolType: 'letta_builtin',
    description: 'Search the web.',
    properties: {
      query: stringOf('What to look for.'),
      num_results: integerOf('How many results (1 to 100, default 10).'),
      category: {
        type: 'string',
        enum: [
          'company',
          'research paper',
          'news',
          'pdf',
          'github',
          'tweet',
          'personal site',
          'linkedin profile',
          'financial report',
        ],
        description: 'Only pages of this kind.',
      },
      include_text: { type: 'boolean', description: 'Whether to return the text of the pages.' },
      include_domains: stringsOf('Only pages of these sites.'),
      exclude_domains: stringsOf('No pages of these sites.'),
      start_published_date: stringOf('Only pages published from this date on.'),
      end_published_date: stringOf('Only pages published up to this date.'),
      user_location: stringOf('Country code of the user.'),
    },
    required: ['query'],
    parallel: true,
  },
  {
    name: 'fetch_webpage',
    toolType: 'letta_builtin',
    description: 'Read a web page as text.',
    properties: { url: stringOf('Address of the page, http or https.') },
    required: ['url'],
    parallel: true,
  },
  {
    name: 'open_files',
    toolType: 'letta_files_core',
    description: 'Open files of your folders, or parts of them, so that you see their content.',
    properties: {
      file_requests: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            file_name: stringOf('Name of the file to open'),
            offset: integerOf('First line to show, from 0.'),
            length: integerOf('How many lines to show.'),
          },
          required: ['file_name'],
        },
        description: 'The files to open.',
      },
      close_all_others: { type: 'boolean', description: 'Whether to close all other files first.' },
    },
    required: ['file_requests'],
  },
  {
    name: 'grep_files',
    toolType: 'letta_files_core',
    description: 'Search the text of your files with a regular expression.',
    properties: {
      pattern: stringOf('The regular expression.'),
      include: stringOf('Only files whose names fit this pattern.'),
      context_lines: integerOf('Lines to show around each match.'),
      offset: integerOf('How many matches to skip.'),
    },
    required: ['pattern'],
    parallel: true,
  },
  {
    name: 'semantic_search_files',
    toolType: 'letta_files_core',
    description: 'Search your files by meaning.',
    properties: { query: stringOf('What to look for.'), limit: integerOf('How many results at most.') },
    required: ['query'],
    parallel: true,
  },
  {
    name: 'store_memories',
    toolType: 'letta_voice_sleeptime_core',
    description: 'Store parts of a conversation that has left the context.',
    properties: {
      chunks: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            start_index: integerOf('First line of the part.'),
            end_index: integerOf('Last line of the part.'),
            context: stringOf('What the part is about.'),
          },
          required: ['start_index', 'end_index', 'context'],
        },
        description: 'The parts to store.',
      },
    },
    required: ['chunks'],
  },
  {
    name: 'rethink_user_memory',
    toolType: 'letta_voice_sleeptime_core',
    description: 'Rewrite what is remembered of the user.',
    properties: { new_memory: stringOf('The whole new memory.') },
    required: ['new_memory'],
  },
  {
    name: 'finish_rethinking_memory',
    toolType: 'letta_voice_sleeptime_core',
    description: 'Say that the memory of the user needs no more changes.',
    properties: {},
    required: [],
  },
  {
    name: 'search_memory',
    toolType: 'letta_voice_sleeptime_core',
    description: 'Search earlier parts of a spoken conversation.',
    properties: {
      convo_keyword_queries: stringsOf('Words to look for.'),
      start_minutes_ago: integerOf('Only from this many minutes ago on.'),
      end_minutes_ago: integerOf('Only up to this many minutes ago.'),
    },
    required: [],
  },
]

export const LATER_TOOLS: BuiltInTool[] = LATER.map((description) =>
  actTool(description, z.looseObject({}), async () => {
    throw new ToolError(
      `${description.name} is not available in this version of Perdure`,
      'NotImplementedError',
    )
  }),
)
