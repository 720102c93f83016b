import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../domain/json.ts'
import { parseExact } from '../lib/exact-json.ts'
import {
  boolean,
  checkOf,
  integer,
  listOf,
  oneOf,
  optional,
  readArguments,
  record,
  schemaOf,
  text,
} from './parameters.ts'

const TABLE = {
  label: text('Which one.'),
  count: optional(integer('How many.')),
  roles: optional(listOf(oneOf(['user', 'tool']), 'Whose.')),
  parts: listOf(record({ name: text(), isOpen: optional(boolean()) })),
}

describe('a table of parameters', () => {
  it('is a JSON Schema in its order, in which only what is required is so', () => {
    expect(JSON.stringify(schemaOf(TABLE))).toBe(
      JSON.stringify({
        type: 'object',
        properties: {
          label: { type: 'string', description: 'Which one.' },
          count: { type: 'integer', description: 'How many.' },
          roles: {
            type: 'array',
            items: { type: 'string', enum: ['user', 'tool'] },
            description: 'Whose.',
          },
          parts: {
            type: 'array',
            items: {
              type: 'object',
              properties: { name: { type: 'string' }, isOpen: { type: 'boolean' } },
              required: ['name'],
            },
          },
        },
        required: ['label', 'parts'],
      }),
    )
  })
})

describe('arguments', () => {
  it('are what the table names; the rest is dropped, and what is left out is null', () => {
    expect(read({ label: 'a', parts: [{ name: 'x', more: 1 }], request_heartbeat: true })).toEqual({
      label: 'a',
      count: null,
      roles: null,
      parts: [{ name: 'x', isOpen: null }],
    })
    expect(read({ label: 'a', count: null, roles: null, parts: [] })).toMatchObject({
      count: null,
      roles: null,
    })
  })

  it('that are missing are named with the function', () => {
    expect(() => read({})).toThrow("act() is missing 2 required arguments: 'label', 'parts'")
    expect(() => read({ label: 1 })).toThrow("act() is missing 1 required argument: 'parts'")
  })

  it.each([
    [{ label: 1, parts: [] }, /^act\(\) got arguments that do not fit: 'label': .*string.*number/],
    [{ label: null, parts: [] }, /^act\(\) got arguments that do not fit: 'label': .*string.*null/],
    [{ label: 'a', parts: [], count: 1.5 }, /'count': .*int/],
    [{ label: 'a', parts: [], count: '3' }, /'count': .*number.*string/],
    [{ label: 'a', parts: [], roles: ['system'] }, /'roles\.0': .*"user"\|"tool"/],
    [{ label: 'a', parts: 'x' }, /'parts': .*array/],
    [{ label: 'a', parts: [{}] }, /'parts\.0\.name': .*string/],
    [{ label: 1, parts: 2 }, /'label': .*; 'parts': /],
  ])('%j that do not fit are named with what would be right', (args, message) => {
    expect(() => read(args)).toThrow(message)
  })

  it('do not fit when a number is too large to be counted with', () => {
    // What a model wrote, as the loop reads it: such a number is kept as its digits.
    const args = parseExact('{"label": "a", "parts": [], "count": 12345678901234567890}') as JsonObject
    expect(() => read(args)).toThrow("'count'")
  })

  it('are texts that a database can store', () => {
    expect(read({ label: 'a\u0000b\ud800c😀', parts: [] })).toMatchObject({ label: 'abc😀' })
  })

  it('are the model’s mistake when they are wrong, as in Python', () => {
    expect(() => read({})).toThrow(expect.objectContaining({ name: 'TypeError' }))
  })
})

function read(args: JsonObject) {
  return readArguments('act', checkOf(TABLE), args)
}
