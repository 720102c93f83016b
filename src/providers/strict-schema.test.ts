import { describe, expect, it } from 'vitest'
import { strictSchema } from './strict-schema.ts'

describe('a strict schema', () => {
  it('requires everything, and takes null for what was optional', () => {
    expect(
      strictSchema({
        type: 'object',
        properties: {
          label: { type: 'string', description: 'Which.' },
          line: { type: 'integer' },
          size: { type: ['string', 'number'] },
          form: { type: 'string', enum: ['a', 'b'] },
          either: { anyOf: [{ type: 'string' }, { type: 'number' }] },
          other: { $ref: '#/$defs/other' },
        },
        required: ['label'],
      }),
    ).toEqual({
      type: 'object',
      properties: {
        label: { type: 'string', description: 'Which.' },
        line: { type: ['integer', 'null'] },
        size: { type: ['string', 'number', 'null'] },
        form: { type: ['string', 'null'], enum: ['a', 'b', null] },
        either: { anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'null' }] },
        other: { anyOf: [{ $ref: '#/$defs/other' }, { type: 'null' }] },
      },
      required: ['label', 'line', 'size', 'form', 'either', 'other'],
      additionalProperties: false,
    })
  })

  it('closes the objects inside, and leaves the schema that it was made from alone', () => {
    const point = () => ({ type: 'object', properties: { x: { type: 'number' } } })
    const parameters = {
      type: 'object',
      properties: { points: { type: 'array', items: point() }, one: { anyOf: [point()] } },
      required: ['points', 'one'],
    }
    const before = structuredClone(parameters)
    const closed = { ...point(), required: ['x'], additionalProperties: false }
    expect(strictSchema(parameters)).toMatchObject({
      properties: { points: { items: closed }, one: { anyOf: [closed] } },
    })
    expect(parameters).toEqual(before)
  })

  it('cannot be made of one that takes anything', () => {
    const open = { type: 'object', properties: { map: { type: 'object' } }, required: ['map'] }
    expect(strictSchema(open)).toBeNull()
    const anything = { type: 'object', properties: { what: { description: 'Whatever.' } } }
    expect(strictSchema(anything)).toBeNull()
    expect(strictSchema({ type: 'object', properties: {} })).not.toBeNull()
  })
})
