import type { UserPart } from './message.ts'

/** What a caller sends: messages, or the answer to an approval request with messages behind it. */
export type InputItem = InputMessage | InputAnswer

export type InputMessage = {
  type: 'message'
  role: 'user' | 'system' | 'assistant'
  content: UserPart[]
  name: string | null
  senderId: string | null
  groupId: string | null
  /** The client's own id; null: it gave none. */
  otid: string | null
}

export type InputAnswer = {
  type: 'answer'
  answers: GivenAnswer[]
  otid: string | null
  groupId: string | null
}

/** `callId` may be the id of the request's message, when a single call waits: an old client's way. */
export type GivenAnswer =
  | { type: 'approval'; callId: string; approve: boolean; reason: string | null }
  | {
      type: 'tool'
      callId: string
      output: string | UserPart[]
      status: 'success' | 'error'
      stdout: string[] | null
      stderr: string[] | null
    }
