import type { Message } from '../domain/message.ts'
import { textOf } from '../domain/message.ts'
import type { ModelRequest } from '../domain/model.ts'
import { withThoughtInCall } from './legacy/arguments.ts'
import { allowsParallelCalls, configOf, type ToolOffer, thinksInCalls } from './offer-tools.ts'
import { withSkills } from './prompt/skills.ts'
import type { LoopState } from './state.ts'
import { toPrompt } from './to-prompt.ts'
import { toolReturnCharsMax } from './tool-return.ts'
import { withheldOf } from './withhold.ts'

/**
 * What the model reads. Pure, so that it can be tested, previewed and compared: providers cache the longest unchanged
 * prefix, and anything that moves inside it costs the whole prefix again.
 */
export function buildRequest(state: LoopState, offer: ToolOffer): ModelRequest {
  const config = configOf(state)
  const { images, results } = withheldOf(state)
  const messages = toPrompt(state.context, {
    toolReturnCharsMax: toolReturnCharsMax(config.context_window),
    withheld: { images: new Set(images), results: new Set(results) },
  })
  return {
    config,
    system: systemOf(state),
    messages: thinksInCalls(state) ? messages.map(withThoughtInCall) : messages,
    tools: offer.specs,
    toolChoice: offer.choice,
    parallelToolCalls: allowsParallelCalls(state),
    stream: state.request.streamTokens,
    user: state.request.user,
  }
}

function systemOf(state: LoopState): string {
  const { overrideSystem, clientSkills } = state.request
  if (overrideSystem !== null) return overrideSystem
  return withSkills(systemTextOf(state.context[0]), state.agent.blocks, clientSkills)
}

export function systemTextOf(message: Message | undefined): string {
  return message?.role === 'system' ? textOf(message.content) : ''
}
