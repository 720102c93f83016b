/** How a run can have ended. */
export type TerminalStatus = 'completed' | 'failed' | 'cancelled'

/** Why a run ended, and the status that it leaves the run in. Adding a reason starts here. */
export const STOP_REASONS = {
  end_turn: 'completed',
  max_steps: 'completed',
  tool_rule: 'completed',
  requires_approval: 'completed',
  error: 'failed',
  llm_api_error: 'failed',
  invalid_llm_response: 'failed',
  invalid_tool_call: 'failed',
  no_tool_call: 'failed',
  max_tokens_exceeded: 'failed',
  insufficient_credits: 'failed',
  context_window_overflow_in_system_prompt: 'failed',
  cancelled: 'cancelled',
} as const satisfies Record<string, TerminalStatus>

export type StopReason = keyof typeof STOP_REASONS
