import type { Json } from '../../src/domain/json.ts'

/** Where a text is longer than anybody's. */
const LONG = 100_000
/** Where a list is longer than anybody's. */
const MANY = 10_000
/** Where a value is nested deeper than anybody's. */
const DEEP = 5_000

/** What no member of a body expects, or not in this size. */
export const WRONG_VALUES: Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  2 ** 31,
  '',
  ' ',
  'text',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udc00\ud800',
  '%',
  "'; drop table agents; --",
  '\\',
  '../../etc/passwd',
  '2026-13-45T99:99:99Z',
  'x'.repeat(LONG),
  incompressible(LONG),
  '🙂'.repeat(LONG / 10),
  [],
  [null],
  [[[[]]]],
  ['\ud800', '\u0000'],
  [{}],
  Array(MANY).fill('a'),
  Array(MANY).fill({ label: 'a', value: '' }),
  Array(MANY).fill(0),
  {},
  { type: 'unknown' },
  { type: null },
  { '': '' },
  { '\u0000': '\u0000' },
  { '\ud800': 1 },
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}'),
  nested(150),
  'agent-00000000-0000-4000-8000-0000000000aa',
  'agent-bad',
  ['agent-00000000-0000-4000-8000-0000000000aa'],
  ['tool-00000000-0000-4000-8000-0000000000aa', 'block-00000000-0000-4000-8000-0000000000aa'],
]

/** Text that no index entry can be made of by packing it. */
function incompressible(length: number): string {
  const words = Array.from({ length: length / 8 }, (_, index) => Math.sin(index).toString(36).slice(3, 11))
  return words.join('')
}

function nested(levels: number): Json {
  let value: Json = []
  for (let level = 0; level < levels; level++) value = { a: [value] }
  return value
}

/** Bodies that are no JSON, or JSON that no route wants. */
export const WRONG_TEXTS: string[] = [
  '',
  ' ',
  '{',
  '{"a": ',
  '{"a": 1,}',
  "{'a': 1}",
  'null',
  'true',
  '42',
  '1e999',
  '-',
  '"text"',
  '[]',
  '[{}]',
  '{"a": NaN}',
  '{"a": 1}{"b": 2}',
  '\u0000',
  '{"\\ud800": "\\udfff"}',
  '{"a": "\\u0000"}',
  '\ufeff{"a": 1}',
  '<xml/>',
  'a=1&b=2',
  '['.repeat(DEEP),
  '['.repeat(DEEP) + ']'.repeat(DEEP),
  `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`,
  `{"a": ${'9'.repeat(LONG)}}`,
  `{"${'k'.repeat(LONG)}": 1}`,
  `{${Array.from({ length: MANY }, (_, index) => `"k${index}": 1`).join(',')}}`,
]

/** What stands in a path or a query where something sensible should: already encoded. */
export const WRONG_PIECES: string[] = [
  '%00',
  'a%00b',
  '%ff',
  '%',
  '%zz',
  '%ED%A0%80',
  '..',
  '.',
  '%2e%2e%2f',
  'a%2Fb',
  '%20',
  '-1',
  '0',
  '1e9',
  '99999999999999999999',
  '1.5',
  'null',
  'true',
  'not-an-id',
  'agent-00000000-0000-4000-8000-0000000000aa',
  'run-00000000-0000-4000-8000-0000000000aa',
  'message-00000000-0000-4000-8000-0000000000aa',
  '2026-13-45T99:99:99Z',
  '2026-03-02',
  '294277-01-01T00:00:00Z',
  '-271821-04-20T00:00:00Z',
  '%F0%9F%99%82',
  `'%20or%201=1--`,
  'x'.repeat(4_000),
]
