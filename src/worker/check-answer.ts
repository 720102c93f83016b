import { Fault } from '../domain/fault.ts'
import type { GivenAnswer } from '../domain/input.ts'
import type { ApprovalAnswer, MessageOf } from '../domain/message.ts'
import type { ToolSpec } from '../domain/model.ts'
import type { OpenApproval } from '../store/scopes.ts'
import type { PreparedInput } from './prepare-input.ts'

export function idsOf(given: GivenAnswer[]): string[] {
  return [...new Set(given.map(({ callId }) => callId))]
}

/**
 * The answer as a message, when it answers exactly the calls that wait: every one, and no other. A partial or wrong
 * answer changes nothing. Faults: bad_request; clients match on `Invalid tool call IDs`.
 */
export function checkAnswer(
  answer: NonNullable<PreparedInput['answer']>,
  open: OpenApproval,
  clientTools: ToolSpec[],
): MessageOf<'approval_response'> {
  const expected = open.calls.map((call) => call.id)
  const [onlyCall, ...otherCalls] = open.calls
  const answers = onePerCall(
    answer.message.answers.map((given) =>
      // An old client names the request's message where its only call is meant.
      onlyCall && otherCalls.length === 0 && given.callId === open.message_id
        ? renamed(given, onlyCall.id)
        : given,
    ),
  )
  const given = answers.map(({ callId }) => callId)
  if (given.length === 0)
    throw new Fault(
      'bad_request',
      'Invalid approval response. Approval response message does not contain any approvals.',
    )
  const isExact = given.length === expected.length && expected.every((id) => given.includes(id))
  if (!isExact) {
    throw new Fault(
      'bad_request',
      `Invalid tool call IDs. Expected '${listed(expected)}', but received '${listed(given)}'.`,
    )
  }
  refuseApprovedClientTools(answers, open, clientTools)
  return { ...answer.message, answers }
}

/** Which of several answers to one call counts does not depend on their order: what runs nothing wins. */
function onePerCall(answers: ApprovalAnswer[]): ApprovalAnswer[] {
  const byWeight = answers.toSorted((a, b) => weightOf(b) - weightOf(a))
  const ids = new Set(answers.map(({ callId }) => callId))
  return [...ids].flatMap((id) => byWeight.find(({ callId }) => callId === id) ?? [])
}

function weightOf(answer: ApprovalAnswer): number {
  if (answer.type === 'tool') return 1
  return answer.approve ? 0 : 2
}

function renamed(given: ApprovalAnswer, callId: string): ApprovalAnswer {
  return given.type === 'tool'
    ? { ...given, callId, return: { ...given.return, callId } }
    : { ...given, callId }
}

/** A client's tool is run by the client: there is nothing here that an approval could start. */
function refuseApprovedClientTools(
  answers: ApprovalAnswer[],
  open: OpenApproval,
  clientTools: ToolSpec[],
): void {
  const names = new Set([...open.client_tools, ...clientTools].map((tool) => tool.name))
  for (const answer of answers) {
    const call = open.calls.find(({ id }) => id === answer.callId)
    if (call && answer.type === 'approval' && answer.approve && names.has(call.name)) {
      throw new Fault(
        'bad_request',
        `Tool ${call.name} is run by the client: answer its call ${call.id} with a tool return (type "tool"), or deny it.`,
      )
    }
  }
}

function listed(ids: string[]): string {
  return `[${ids.map((id) => `'${id}'`).join(', ')}]`
}
