import { expect, it } from 'vitest'
import { toHostEntry } from './host-entry.ts'

it.each([
  ['localhost', 'localhost'],
  ['Files.Example.COM', 'files.example.com'],
  ['my_service-1', 'my_service-1'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['10.0.0.0/8', '10.0.0.0/8'],
  ['fd00::/8', 'fd00::/8'],
])('%s lets %s through', (text, entry) => {
  expect(toHostEntry(text)).toBe(entry)
})

it.each([
  'a/b/c',
  '10.0.0.0/99',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  'fd00::/129',
  'host/8',
  '10.1',
  '300.1.1.1',
  'host:80',
  'http://host',
  '*.example.com',
  'two words',
  '[::1]',
  '-',
  '%%%',
])('%s is no host, address or network', (text) => {
  expect(toHostEntry(text)).toBeUndefined()
})
