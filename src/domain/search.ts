/** What is looked for in an agent's history. */
export type MessageSearch = {
  /** Words; null: whatever there is, newest first. */
  query: string | null
  roles: ('assistant' | 'user' | 'tool')[] | null
  /** Results at most. */
  limit: number
  /** RFC 3339; both ends belong to the span. */
  from: string | null
  to: string | null
}

export type FoundMessage = {
  role: 'assistant' | 'user' | 'tool'
  text: string
  thinking: string | null
  /** RFC 3339. */
  createdAt: string
  /** Place in the text search, from 1; null: it was not a text search. */
  rank: number | null
}

/** An answer of another agent to a message of this one. */
export type AgentReply = { agentId: string; texts: string[] }
