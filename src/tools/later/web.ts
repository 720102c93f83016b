import { boolean, integer, listOf, oneOf, optional, text } from '../parameters.ts'
import { laterTool } from './later-tool.ts'

const REASON = 'reading the web comes in a later release.'

const CATEGORIES = [
  'company',
  'research paper',
  'news',
  'pdf',
  'github',
  'tweet',
  'personal site',
  'linkedin profile',
  'financial report',
] as const

export const webSearch = laterTool(REASON, {
  name: 'web_search',
  toolType: 'letta_builtin',
  description: 'Look for pages on the web.',
  parameters: {
    query: text('What the pages should be about.'),
    num_results: optional(integer('How many pages: 1 to 100, or 10 if left out.')),
    category: optional(oneOf(CATEGORIES, 'Only pages of one kind.')),
    include_text: optional(boolean('Whether to bring the text of the pages along.')),
    include_domains: optional(listOf(text(), 'Only pages of these sites.')),
    exclude_domains: optional(listOf(text(), 'No pages of these sites.')),
    start_published_date: optional(text('Only pages from that day on, in ISO 8601.')),
    end_published_date: optional(text('Only pages until that day, in ISO 8601.')),
    user_location: optional(text('Two letters for the country in which the user is.')),
  },
  parallel: true,
})

export const fetchWebpage = laterTool(REASON, {
  name: 'fetch_webpage',
  toolType: 'letta_builtin',
  description: 'Read a page of the web as plain text.',
  parameters: { url: text('Where the page is; begins with http:// or https://.') },
  parallel: true,
})
