/** What a send does that meets a turn in progress. */
export const MESSAGE_POLICIES = ['reject', 'enqueue', 'interrupt', 'merge'] as const
export type MessagePolicy = (typeof MESSAGE_POLICIES)[number]
