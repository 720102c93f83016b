import { expect, it } from 'vitest'
import { maskedUrl } from './masked-url.ts'

it.each([
  ['postgres://ada:secret@db:5432/perdure', 'postgres://ada:****@db:5432/perdure'],
  ['postgres://ada:se@cr:et@db/perdure', 'postgres://ada:****@db/perdure'],
  [
    'postgres://ada@db/perdure?sslmode=require&password=secret',
    'postgres://ada@db/perdure?sslmode=require&password=****',
  ],
  ['postgres://perdure@/postgres?host=/tmp/socket', 'postgres://perdure@/postgres?host=/tmp/socket'],
])('shows %s without its password', (url, shown) => {
  expect(maskedUrl(url)).toBe(shown)
})
