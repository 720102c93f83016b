import type { Action, Reply, ScriptedCall, Story } from './story.ts'

/** A story as lines that a person can read. */
export function tellStory({ seed, agent, actions }: Story): string {
  const rules = agent.rules.map((rule) => `${rule.type} ${rule.tool_name}`).join(', ')
  const traits = [
    `window ${agent.window}`,
    agent.parallel && 'parallel calls',
    agent.compaction && `compacts by ${agent.compaction.mode} ${agent.compaction.share}`,
    agent.autoclear && 'forgets after each turn',
    agent.deferred && 'defers its prompt',
    agent.policy && `messages ${agent.policy}`,
    `${agent.conversations} conversation(s)`,
  ].filter(Boolean)
  return [
    `seed ${seed}: ${agent.model}, ${traits.join(', ')}`,
    `  tools: ${agent.tools.join(', ') || 'none'}${rules ? `; rules: ${rules}` : ''}`,
    ...actions.map((action, index) => `  ${index + 1}. ${tellAction(action)}`),
  ].join('\n')
}

function tellAction(action: Action): string {
  switch (action.type) {
    case 'say': {
      const traits = [
        action.way,
        action.content !== 'text' && action.content,
        action.hasOtid && 'otid',
        action.clientTools && 'client tools',
        action.stepsMax < 12 && `at most ${action.stepsMax} step(s)`,
        action.leaves && 'hangs up',
      ].filter(Boolean)
      return `say [m${action.n}] in ${action.conv} (${traits.join(', ')})${tellReplies(action.replies)}`
    }
    case 'answer': {
      const traits = [
        action.way,
        action.returns !== 'text' && action.returns,
        action.followUp && 'with a message',
      ]
      return `answer in ${action.conv}: ${action.how} (${traits.filter(Boolean).join(', ')})${tellReplies(action.replies)}`
    }
    case 'at_once':
      return `at once: ${action.actions.map(tellAction).join('  AND  ')}`
    default: {
      const { type, ...rest } = action
      return `${type} ${JSON.stringify(rest)}`
    }
  }
}

function tellReplies(replies: Reply[]): string {
  return replies.length === 0 ? '' : `; the model: ${replies.map(tellReply).join(' → ')}`
}

function tellReply(reply: Reply): string {
  if (reply.type === 'bug') return 'a bug'
  if (reply.type === 'failure')
    return `${reply.kind}${reply.pieces > 0 ? ` after ${reply.pieces} piece(s)` : ''}`
  const traits = [
    reply.thinks && 'thinks',
    reply.text !== '' && `"${reply.text.slice(0, 20)}"`,
    ...reply.calls.map(tellCall),
    reply.finish !== 'stop' && reply.finish !== 'tool_calls' && `finish ${reply.finish}`,
    !reply.reportsUsage && 'no usage',
    reply.waits && 'waits',
  ].filter(Boolean)
  return traits.length === 0 ? 'nothing' : traits.join(' + ')
}

function tellCall(call: ScriptedCall): string {
  const odd = [
    call.does !== 'works' && call.does,
    call.arguments !== 'good' && `arguments ${call.arguments}`,
    call.id !== 'own' && `id ${call.id}`,
  ].filter(Boolean)
  return `${call.tool}#${call.n}${odd.length > 0 ? `(${odd.join(', ')})` : ''}`
}
