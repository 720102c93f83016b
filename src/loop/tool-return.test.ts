import { describe, expect, it } from 'vitest'
import type { ToolCall, ToolReturn, UserPart } from '../domain/message.ts'
import type { ToolRecord } from '../domain/tool.ts'
import {
  clampClientReturn,
  clampText,
  denialOf,
  refusalOf,
  returnOf,
  toolReturnCharsMax,
} from './tool-return.ts'

const TIME = '2025-07-01 08:04:05 AM PDT-0700'
const CALL: ToolCall = { id: 'call_1', name: 'add', arguments: '{}' }

describe('the result of a call that was run', () => {
  it('is the text or the object that the tool gave', () => {
    expect(returnOf(CALL, tool(100), { ok: true, output: '4' }, TIME)).toEqual({
      callId: 'call_1',
      name: 'add',
      status: 'success',
      output: '4',
      time: TIME,
      stdout: null,
      stderr: null,
    })
    expect(returnOf(CALL, tool(100), { ok: true, output: { a: 1 } }, TIME).output).toEqual({ a: 1 })
  })

  it('keeps what was printed, also when that was nothing', () => {
    const result = { ok: true as const, output: '4', stdout: ['out\n'], stderr: [] }
    expect(returnOf(CALL, tool(100), result, TIME)).toMatchObject({ stdout: ['out\n'], stderr: [] })
  })

  it('names function and error of a failure, in the result and in stderr', () => {
    const text = 'Error executing function add: ValueError: bad thing'
    const result = { ok: false as const, errorName: 'ValueError', message: 'bad thing' }
    expect(returnOf(CALL, tool(100), result, TIME)).toMatchObject({
      status: 'error',
      output: text,
      stderr: [text],
    })
    const traced = returnOf(CALL, tool(100), { ...result, stderr: ['Traceback'] }, TIME)
    expect(traced).toMatchObject({ output: text, stderr: ['Traceback'] })
  })

  it('clips the text of a failure to a thousand characters', () => {
    const result = { ok: false as const, errorName: 'Error', message: 'é'.repeat(5000) }
    expect(returnOf(CALL, tool(10), result, TIME).output).toHaveLength(1000)
  })

  it('is cut once, to the tool’s limit, with the numbers in the note', () => {
    const note = '... [NOTE: function output was truncated since it exceeded the character limit (589 > 60)]'
    expect(returnOf(CALL, tool(60), { ok: true, output: 'x'.repeat(589) }, TIME).output).toBe(
      'x'.repeat(60) + note,
    )
    expect(returnOf(CALL, tool(60), { ok: true, output: 'x'.repeat(60) }, TIME).output).toBe('x'.repeat(60))
  })

  it('counts characters, not halves of them', () => {
    expect(returnOf(CALL, tool(3), { ok: true, output: '😀😀😀' }, TIME).output).toBe('😀😀😀')
    expect(returnOf(CALL, tool(2), { ok: true, output: '😀😀😀' }, TIME).output).toMatch(/^😀😀\.\.\. \[NOTE/)
  })

  it('turns an object into text only when it has to be cut', () => {
    expect(returnOf(CALL, tool(5), { ok: true, output: { a: 'long' } }, TIME).output).toMatch(
      /^\{"a":\.\.\. \[NOTE/,
    )
  })
})

describe('a call that was not run', () => {
  it('carries the user’s reason, or says that there was none', () => {
    const text = 'Error: request to call tool denied. User reason: '
    expect(denialOf(CALL, 'too risky', TIME)).toMatchObject({
      status: 'error',
      output: `${text}too risky`,
      stderr: null,
    })
    expect(denialOf(CALL, null, TIME).output).toBe(`${text}None`)
  })

  it('carries any other reason as it is', () => {
    expect(refusalOf(CALL, '[ToolConstraintError] no', TIME)).toMatchObject({
      status: 'error',
      output: '[ToolConstraintError] no',
    })
  })
})

describe('a result from a client', () => {
  it('is cut to the cap, whether it is text or parts that share it', () => {
    expect(clampClientReturn(from('123456'), 4).output).toBe('1234... [truncated 2 chars]')
    const parts: UserPart[] = [
      { type: 'text', text: '123' },
      { type: 'text', text: '456' },
    ]
    expect(clampClientReturn(from(parts), 4).output).toEqual([
      { type: 'text', text: '123' },
      { type: 'text', text: '4... [truncated 2 chars]' },
    ])
  })

  it('keeps twenty images', () => {
    const image: UserPart = {
      type: 'image',
      source: { type: 'base64', mediaType: 'image/png', data: 'AA==' },
    }
    const output = clampClientReturn(from(Array.from({ length: 22 }, () => image)), 100).output as UserPart[]
    expect(output.map((part) => part.type)).toEqual([...Array(20).fill('image'), 'text', 'text'])
  })

  it('stays itself when it fits', () => {
    expect(clampClientReturn(from('fits'), 4)).toEqual(from('fits'))
  })
})

describe('the cap of one result', () => {
  it('is a fifth of the window in characters, and never less than 5,000', () => {
    expect(toolReturnCharsMax(128_000)).toBe(102_400)
    expect(toolReturnCharsMax(4_096)).toBe(5_000)
    expect(toolReturnCharsMax(null)).toBe(5_000)
  })

  it('cuts between characters', () => {
    expect(clampText('a😀b', 2)).toBe('a😀... [truncated 1 chars]')
  })
})

function tool(returnCharLimit: number): ToolRecord {
  return {
    id: 'tool-1',
    name: 'add',
    toolType: 'custom',
    spec: { name: 'add', description: '', parameters: {} },
    returnCharLimit,
    defaultRequiresApproval: false,
    enableParallelExecution: false,
  }
}

function from(output: ToolReturn['output']): ToolReturn {
  return { callId: 'call_1', name: 'look', status: 'success', output, time: TIME, stdout: null, stderr: null }
}
