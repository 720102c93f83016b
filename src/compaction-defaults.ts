import type { CompactionMode } from './domain/agent.ts'
import type { LlmConfig } from './domain/model.ts'
import { SUMMARY_PROMPTS } from './loop/compact/prompts.ts'
import { summariserHandle } from './loop/compact/summarise.ts'

/** What `compaction_settings` of an agent shows that names no summariser and no prompt. */
export function compactionDefaults(config: LlmConfig, mode: CompactionMode) {
  return { model: summariserHandle(config) ?? config.handle, prompt: SUMMARY_PROMPTS[mode] }
}
