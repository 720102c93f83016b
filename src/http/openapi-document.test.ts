import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openApiDocument } from './openapi-document.ts'

const COMMITTED = join(import.meta.dirname, '../../openapi.json')

describe('the document of the API', () => {
  it('is the committed one; `npm run openapi` brings it up to date', async () => {
    expect(readFileSync(COMMITTED, 'utf8')).toBe(await openApiDocument())
  })

  it('has a name of its own for each operation', async () => {
    const { paths } = JSON.parse(await openApiDocument())
    const names = Object.values(paths).flatMap((path) =>
      Object.values(path as Record<string, { operationId?: string }>).map(
        (operation) => operation.operationId,
      ),
    )
    expect(names).not.toContain(undefined)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })
})
