import { z } from '@hono/zod-openapi'
import { describe, expect, it } from 'vitest'
import { invalidRequest } from './invalid-request.ts'
import { id } from './schemas/basics.ts'

const Body = z.object({
  name: z.string(),
  kind: z.enum(['a', 'b']).optional(),
  size: z.int().min(1).max(9).optional(),
  short: z.string().max(2).optional(),
  flag: z.boolean().optional(),
  tags: z.array(z.strictObject({ key: z.string() })).optional(),
})

describe('a request that does not fit', () => {
  it.each<[unknown, string]>([
    [{}, "{'type': 'missing', 'loc': ('body', 'name'), 'msg': 'Field required', 'input': {}}"],
    [
      { name: 5 },
      "{'type': 'string_type', 'loc': ('body', 'name'), 'msg': 'Input should be a valid string', 'input': 5}",
    ],
    [
      'text',
      "{'type': 'model_attributes_type', 'loc': ('body',), 'msg': 'Input should be a valid dictionary",
    ],
    [{ name: 'x', kind: 'c' }, "'msg': \"Input should be 'a' or 'b'\", 'input': 'c', 'ctx': {'expected'"],
    [{ name: 'x', size: 'many' }, "'type': 'int_parsing', 'loc': ('body', 'size')"],
    [{ name: 'x', size: 0 }, "'type': 'greater_than_equal'"],
    [{ name: 'x', size: 10 }, "'type': 'less_than_equal'"],
    [{ name: 'x', short: 'long' }, "'type': 'string_too_long'"],
    [{ name: 'x', flag: 'maybe' }, "'type': 'bool_parsing'"],
    [
      { name: 'x', tags: [{ key: 'k', more: true }] },
      "'type': 'extra_forbidden', 'loc': ('body', 'tags', 0)",
    ],
  ])('%j is told in the words of the old server', (input, expected) => {
    const fault = invalidRequest(misfits('body', Body, input))
    expect(fault.message).toContain(expected)
    expect(fault.message).toMatch(/^\[.*\]$/s)
    expect(fault.members).toEqual({ trace_id: '' })
  })

  it('shows how an id looks', () => {
    const fault = invalidRequest(
      misfits('path', z.object({ agent_id: id('agent') }), { agent_id: 'agent-1' }),
    )
    expect(fault.message).toContain("\"String should match pattern 'agent-{uuid4}'\", 'input': 'agent-1'")
    expect(fault.members.examples).toEqual(['agent-123e4567-e89b-42d3-8456-426614174000'])
  })

  it('tells everything at once', () => {
    const query = misfits('query', z.object({ limit: z.int() }), { limit: 'x' })
    const fault = invalidRequest([...query, ...misfits('body', Body, {})])
    expect(fault.message).toMatch(/'query', 'limit'.*'body', 'name'/s)
  })
})

function misfits(place: 'path' | 'query' | 'body', schema: z.ZodType, input: unknown) {
  const issues = schema.safeParse(input).error?.issues ?? []
  return issues.map((issue) => ({ place, issue, input }))
}
