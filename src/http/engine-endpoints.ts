import type { HttpDeps } from './deps.ts'
import type { Endpoint } from './route.ts'
import { batchRoutes } from './routes/batches.ts'
import { chatRoutes } from './routes/chat-completions.ts'
import { contextRoutes } from './routes/contexts.ts'
import { conversationMessageRoutes } from './routes/conversation-messages.ts'
import { conversationRoutes } from './routes/conversations.ts'
import { jobRoutes } from './routes/jobs.ts'
import { messageRoutes } from './routes/messages.ts'
import { runListRoutes } from './routes/run-lists.ts'
import { runStreamRoutes } from './routes/run-streams.ts'
import { runRoutes } from './routes/runs.ts'
import { scheduleRoutes } from './routes/schedules.ts'
import { stepRoutes } from './routes/steps.ts'

/** Everything that starts, follows, ends or shows turns. */
export function engineEndpoints(deps: HttpDeps): Endpoint[] {
  return [
    ...messageRoutes(deps),
    ...conversationRoutes(deps),
    ...conversationMessageRoutes(deps),
    ...runListRoutes(deps),
    ...runRoutes(deps),
    ...runStreamRoutes(deps),
    ...stepRoutes(deps),
    ...contextRoutes(deps),
    ...scheduleRoutes(deps),
    ...jobRoutes(deps),
    ...batchRoutes(deps),
    ...chatRoutes(deps),
  ]
}
