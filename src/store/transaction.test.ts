import { describe, expect, it } from 'vitest'
import { isPassing } from './transaction.ts'

const failed = (code: string | undefined, message = 'it failed', severity = 'ERROR') =>
  Object.assign(new Error(message), { code, severity })

describe('trouble of the database that will pass', () => {
  it.each([
    ['a server that is told to stop', failed('57P01')],
    ['a lock that was not free in time', failed('55P03')],
    ['a full disk', failed('53100')],
    ['a server that only reads since another leads', failed('25006')],
    ['a pooler that has lost its server', failed('08P01', 'server conn crashed?', 'FATAL')],
    ['a connection that the other side has closed', failed('EPIPE', 'write EPIPE')],
    ['a connection that is reset', failed('ECONNRESET', 'read ECONNRESET')],
    ['a statement behind a lost connection', failed(undefined, 'Connection terminated unexpectedly')],
    [
      'a client that is gone',
      failed(undefined, 'Client has encountered a connection error and is not queryable'),
    ],
  ])('is %s', (_, error) => {
    expect(isPassing(error)).toBe(true)
  })

  it.each([
    ['a row that is there already', failed('23505')],
    ['a value that is too long for an index', failed('54000')],
    ['a statement with too many values', failed('08P01')],
    ['a mistake in a statement', failed('42601')],
    ['a bug', new TypeError('x is not a function')],
  ])('is not %s', (_, error) => {
    expect(isPassing(error)).toBe(false)
  })
})
