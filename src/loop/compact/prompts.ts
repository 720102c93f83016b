import type { CompactionMode } from '../../domain/agent.ts'

const WHAT_TO_KEEP = [
  '- what the user wants, and what was agreed on',
  '- what has happened so far, in order',
  '- facts that may be needed again: names, identifiers, paths, numbers and quotes, word for word',
  '- errors that came up, and what mended them',
]

const STYLE = [
  'Write in the first person, as the agent itself, as a plain record of facts.',
  'If there is an earlier summary, work it in: it will not be seen again.',
  'Answer with the summary only.',
]

const STATE_NOW = [
  '- where things stand now',
  '- the next step, only if one was clearly pending',
  '- words to search the older messages for, should details be needed',
]

const SELF = ['Do not continue the conversation, do not answer open requests, and do not call tools.']

function promptOf(words: number, opening: string, points: string[], closing: string[]): string {
  return [opening, `Use at most ${words} words. Keep:`, ...points, '', ...closing].join('\n')
}

/** What a summariser is told, when the agent's settings say nothing else. */
export const SUMMARY_PROMPTS: Record<CompactionMode, string> = {
  all: promptOf(
    500,
    'The conversation below leaves the context of the agent that had it. Write the summary that takes its place.',
    [...WHAT_TO_KEEP, ...STATE_NOW],
    STYLE,
  ),
  sliding_window: promptOf(
    300,
    'The oldest messages of a conversation, below, leave the context of the agent that had it; the newer ones stay. Write the summary that takes their place.',
    WHAT_TO_KEEP,
    STYLE,
  ),
  self_compact_all: promptOf(
    500,
    'Your context is nearly full. Write the summary of this conversation that will take its place.',
    [...WHAT_TO_KEEP, ...STATE_NOW],
    [...SELF, ...STYLE],
  ),
  self_compact_sliding_window: promptOf(
    300,
    'Your context is nearly full. The messages above leave it, newer ones stay. Write the summary that takes their place.',
    WHAT_TO_KEEP,
    [...SELF, ...STYLE],
  ),
}

export const ACKNOWLEDGEMENT = 'Understood. I will answer with the summary only.'

/** `repeatsRequest`: what the turn was asked for is in the summary, and stands behind it once more. */
export type SummaryFacts = { evictedCount: number | null; repeatsRequest: boolean }

/** A summary as it stands in the context. */
export function summaryText(summary: string, { evictedCount, repeatsRequest }: SummaryFacts): string {
  const count = evictedCount === null ? 'Earlier messages' : `${evictedCount} earlier messages`
  const note = `${count} of this conversation are no longer in view; they can still be searched.`
  const request = repeatsRequest
    ? " The user's newest message follows once more: go on with it from where the summary ends."
    : ''
  return `${note}${request}\nThis is a summary of them:\n ${summary}`
}
