import type { EmbeddingListing, ModelListing } from '../../domain/model.ts'
import type { EmbeddingModel, Model } from '../schemas/model.ts'

/** A model as clients read it: what they choose by, and all of its config for older ones. */
export function toWireModel({ handle, config }: ModelListing): Model {
  return {
    ...config,
    handle,
    name: config.model,
    provider_type: config.model_endpoint_type,
    model_type: 'llm',
    max_context_window: config.context_window,
    display_name: config.display_name ?? config.model,
  }
}

export function toWireEmbedding({ handle, config }: EmbeddingListing): EmbeddingModel {
  return {
    name: config.embedding_model,
    display_name: config.embedding_model,
    provider_type: config.embedding_endpoint_type,
    provider_name: config.embedding_endpoint_type,
    model_type: 'embedding',
    ...config,
    handle,
  }
}
