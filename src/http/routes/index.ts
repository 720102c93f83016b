import type { HttpDeps } from '../deps.ts'
import type { Endpoint } from '../route.ts'
import { agentBlockRoutes } from './agent-blocks.ts'
import { agentToolRoutes } from './agent-tools.ts'
import { agentRoutes } from './agents.ts'
import { blockRoutes } from './blocks.ts'
import { healthRoutes } from './health.ts'
import { internalRoutes } from './internal.ts'
import { messageSearchRoutes } from './message-search.ts'
import { modelRoutes } from './models.ts'
import { organizationRoutes } from './organizations.ts'
import { resetRoutes } from './reset-messages.ts'
import { tagRoutes } from './tags.ts'
import { toolRoutes } from './tools.ts'
import { userRoutes } from './users.ts'

/** Everything that reads and writes what is there, without running anything. */
export function endpointsOf(deps: HttpDeps): Endpoint[] {
  return [
    ...healthRoutes(deps),
    ...agentRoutes(deps),
    ...agentBlockRoutes(deps),
    ...agentToolRoutes(deps),
    ...blockRoutes(deps),
    ...toolRoutes(deps),
    ...modelRoutes(deps),
    ...tagRoutes(deps),
    ...organizationRoutes(deps),
    ...userRoutes(deps),
    ...resetRoutes(deps),
    ...messageSearchRoutes(),
    ...internalRoutes(deps),
  ]
}
