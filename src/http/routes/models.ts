import { z } from '@hono/zod-openapi'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { EmbeddingModel, Model, PROVIDER_TYPES } from '../schemas/model.ts'
import { queryEnum, queryEnums, queryText } from '../schemas/query.ts'
import { toWireEmbedding, toWireModel } from '../wire/model.ts'

const list = {
  method: 'get',
  path: '/models',
  operationId: 'listModels',
  summary: 'The language models that agents can use',
  query: z.object({
    provider_category: queryEnums(['base', 'byok']),
    provider_name: queryText(),
    provider_type: queryEnum(PROVIDER_TYPES),
  }),
  answer: z.array(Model),
} as const

const listEmbeddings = {
  method: 'get',
  path: '/models/embedding',
  operationId: 'listEmbeddingModels',
  summary: 'The embedding models that agents can use',
  answer: z.array(EmbeddingModel),
} as const

export function modelRoutes(deps: HttpDeps): Endpoint[] {
  return [
    route(list, async ({ query, c }) => {
      const { provider_category: categories, provider_name: name, provider_type: type } = query
      const models = (await deps.catalog.listModels()).filter(
        ({ config }) =>
          (name === undefined || config.provider_name === name) &&
          (type === undefined || config.model_endpoint_type === type || config.provider_name === type) &&
          (!categories?.length || categories.includes(config.provider_category ?? 'base')),
      )
      return c.json(models.map(toWireModel))
    }),
    route(listEmbeddings, async ({ c }) => {
      return c.json((await deps.catalog.listEmbeddings()).map(toWireEmbedding))
    }),
  ]
}
