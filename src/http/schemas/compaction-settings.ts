import { z } from '@hono/zod-openapi'
import { COMPACTION_MODES } from '../../domain/agent.ts'
import { INT_MAX } from './basics.ts'
import { ModelSettings } from './model-settings.ts'

/** What is not given is decided at use, and shown as what it would be now. */
export const CompactionSettingsInput = z
  .object({
    model: z.string().nullish(),
    model_settings: ModelSettings.nullish(),
    prompt: z.string().nullish(),
    prompt_acknowledgement: z.boolean().optional(),
    clip_chars: z.int().min(1).max(INT_MAX).nullish(),
    mode: z.enum(COMPACTION_MODES).optional(),
    sliding_window_percentage: z.number().optional(),
  })
  .openapi('CompactionSettingsInput')
export type CompactionSettingsInput = z.output<typeof CompactionSettingsInput>

export const CompactionSettings = z
  .object({
    model: z.string().nullable(),
    model_settings: ModelSettings.nullable(),
    prompt: z.string().nullable(),
    prompt_acknowledgement: z.boolean(),
    clip_chars: z.int().nullable(),
    mode: z.enum(COMPACTION_MODES),
    sliding_window_percentage: z.number(),
  })
  .openapi('CompactionSettings')
