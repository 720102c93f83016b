import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { UserPart } from '../domain/message.ts'
import { resolveImages } from './fetch-image.ts'

/** What a user's address may lead to. The web site here is inside, so it is reached only where that is allowed. */
let site: Server
let port: number
beforeAll(async () => {
  site = createServer((request, response) => {
    if (request.url === '/inside') return response.writeHead(302, { location: 'http://10.1.2.3/x.png' }).end()
    if (request.url === '/again') return response.writeHead(302, { location: '/again' }).end()
    if (request.url === '/moved') return response.writeHead(302, { location: '/dot.png' }).end()
    if (request.url === '/page') return response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
    if (request.url === '/gone') return response.writeHead(404).end()
    if (request.url === '/huge') {
      response.writeHead(200, { 'content-type': 'image/png' })
      return response.end(Buffer.alloc(20_000_001))
    }
    return response.writeHead(200, { 'content-type': 'image/png' }).end('dot')
  })
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  port = (site.address() as AddressInfo).port
})
afterAll(() => site.close())

const picture = (url: string): UserPart[] => [{ type: 'image', source: { type: 'url', url } }]
const fetched = (path: string) =>
  resolveImages(picture(`http://localhost:${port}${path}`), { allow: ['localhost'] })

it.each(['/dot.png', '/moved'])('an image is fetched when it is asked for: %s', async (path) => {
  const data = Buffer.from('dot').toString('base64')
  expect(await fetched(path)).toEqual([
    { type: 'image', source: { type: 'base64', mediaType: 'image/png', data } },
  ])
})

it.each([
  ['http://10.0.0.1/x.png'],
  ['http://169.254.169.254/latest/meta-data'],
  ['http://localhost/x.png'],
  ['http://2130706433/x.png'],
  ['http://[::ffff:127.0.0.1]/x.png'],
  ['file:///etc/passwd'],
])('D-128: nothing is fetched from inside: %s', async (url) => {
  await expect(resolveImages(picture(url), { allow: [] })).rejects.toMatchObject({ code: 'bad_request' })
})

it.each([
  ['/inside', /inside/],
  ['/again', /redirects too often/],
  ['/page', /text\/html, not an image/],
  ['/gone', /answered 404/],
  ['/huge', /larger than/],
])('D-128: %s is refused', async (path, why) => {
  await expect(fetched(path)).rejects.toThrow(why)
})
