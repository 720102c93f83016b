import type { ToolReturn } from '../../domain/message.ts'
import type { ToolRule } from '../../domain/tool.ts'
import type { CallFate } from '../continuation.ts'
import { expectsNext } from '../tool-rules.ts'

type Called = { name: string; fate: CallFate; result: ToolReturn | undefined }

/**
 * Whether an agent that speaks through a tool goes on after its call, and why: because it asked to, because the call
 * failed, or because a rule says so. Null: its turn is over.
 */
export function reasonToGoOn(called: Called[], heartbeat: boolean, rules: ToolRule[]): string | null {
  const [call] = called
  if (!call) return null
  if (call.fate === 'violated') return `${call.name} cannot be called now. Choose another tool.`
  if (call.fate === 'not_run' || call.result?.status === 'error') return `${call.name} failed. Go on.`
  if (expectsNext(rules, call.name)) return `a rule says that you go on after ${call.name}.`
  return heartbeat ? `${call.name} has been called, and you asked to go on.` : null
}
