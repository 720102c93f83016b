import { z } from '@hono/zod-openapi'
import type { ToolRule as DomainRule } from '../../domain/tool.ts'
import { AnyObject, INT_MAX } from './basics.ts'

/** `prompt_template` is taken and shown, and has no effect. */
const base = { tool_name: z.string(), prompt_template: z.string().nullable().default(null) }

const ARGS = AnyObject.nullable().default(null)

/** One constraint. Fields that a rule does not have are refused: a rule that is misspelt must not pass unseen. */
export const ToolRule = z
  .discriminatedUnion('type', [
    z.strictObject({ ...base, type: z.literal('run_first'), args: ARGS }),
    z.strictObject({
      ...base,
      type: z.literal('constrain_child_tools'),
      children: z.array(z.string()),
      child_arg_nodes: z
        .array(z.object({ name: z.string(), args: ARGS }))
        .nullable()
        .default(null),
    }),
    z.strictObject({ ...base, type: z.literal('parent_last_tool'), children: z.array(z.string()) }),
    z.strictObject({
      ...base,
      type: z.literal('conditional'),
      default_child: z.string().nullable().default(null),
      child_output_mapping: z.record(z.string(), z.string()),
      require_output_mapping: z.boolean().default(false),
    }),
    z.strictObject({ ...base, type: z.literal('exit_loop') }),
    z.strictObject({ ...base, type: z.literal('continue_loop') }),
    z.strictObject({ ...base, type: z.literal('required_before_exit') }),
    z.strictObject({
      ...base,
      type: z.literal('max_count_per_step'),
      max_count_limit: z.int().min(0).max(INT_MAX),
    }),
    z.strictObject({ ...base, type: z.literal('requires_approval') }),
  ])
  .openapi('ToolRule')

export type ToolRule = z.output<typeof ToolRule> & DomainRule
