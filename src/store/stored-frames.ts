import type { DeltaBody, Frame, NumberedFrame, ViewHead } from '../domain/frame.ts'

/**
 * How frames lie in `run_events.payload`: whole frames one per row, deltas many per row with what they have in common
 * written once. A token then costs its text and a few bytes, not an envelope of 400.
 */
export type StoredFrames = { frame: Frame } | { head: ViewHead; body: DeltaBody; texts: string[] }

export type FrameRow = { seq: number; seq_last: number; payload: StoredFrames }

/** Packs consecutive frames into as few rows as their kinds allow. */
export function packFrames(frames: NumberedFrame[]): FrameRow[] {
  const rows: FrameRow[] = []
  for (const { seq, frame } of frames) {
    const last = rows.at(-1)
    const text = frame.kind === 'delta' ? textOfDelta(frame.body) : null
    if (
      last &&
      last.seq_last === seq - 1 &&
      text !== null &&
      frame.kind === 'delta' &&
      continues(last.payload, frame)
    ) {
      last.payload.texts.push(text)
      last.seq_last = seq
    } else if (frame.kind === 'delta' && text !== null) {
      rows.push({
        seq,
        seq_last: seq,
        payload: { head: frame.head, body: emptied(frame.body), texts: [text] },
      })
    } else {
      rows.push({ seq, seq_last: seq, payload: { frame } })
    }
  }
  return rows
}

export function unpackFrames(row: FrameRow): NumberedFrame[] {
  const { payload } = row
  if ('frame' in payload) return [{ seq: row.seq, frame: payload.frame }]
  return payload.texts.map((text, index) => ({
    seq: row.seq + index,
    frame: { kind: 'delta', head: payload.head, body: filled(payload.body, text, index === 0) },
  }))
}

type Batch = Extract<StoredFrames, { texts: string[] }>

function continues(payload: StoredFrames, frame: Extract<Frame, { kind: 'delta' }>): payload is Batch {
  if (!('texts' in payload)) return false
  const { head, body } = payload
  if (head.id !== frame.head.id || head.otid !== frame.head.otid || body.type !== frame.body.type)
    return false
  return continuesBody(body, frame.body)
}

function continuesBody(first: DeltaBody, next: DeltaBody): boolean {
  switch (next.type) {
    case 'assistant_message':
      return true
    case 'reasoning_message':
      return next.signature === null && 'source' in first && first.source === next.source
    case 'tool_call_message':
    case 'approval_request_message':
      return 'callId' in first && first.callId === next.callId && next.name === null
    case 'hidden_reasoning_message':
      return false
  }
}

/** The part of a delta that grows, or null for one that comes at once. */
function textOfDelta(body: DeltaBody): string | null {
  switch (body.type) {
    case 'assistant_message':
    case 'reasoning_message':
      return body.text
    case 'tool_call_message':
    case 'approval_request_message':
      return body.arguments ?? ''
    case 'hidden_reasoning_message':
      return null
  }
}

function emptied(body: DeltaBody): DeltaBody {
  return filled(body, '', true)
}

/** Only the first delta of a call carries its name, and only the first of a thought its signature. */
function filled(body: DeltaBody, text: string, isFirst: boolean): DeltaBody {
  switch (body.type) {
    case 'assistant_message':
      return { ...body, text }
    case 'reasoning_message':
      return { ...body, text, signature: isFirst ? body.signature : null }
    case 'tool_call_message':
    case 'approval_request_message':
      return { ...body, arguments: text === '' ? null : text, name: isFirst ? body.name : null }
    case 'hidden_reasoning_message':
      return body
  }
}
