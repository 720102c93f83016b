import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openApiDocument } from './openapi-document.ts'

// `npm run openapi`: brings the committed document up to date. Reviewers see in it what changes outside.
writeFileSync(join(import.meta.dirname, '../../openapi.json'), await openApiDocument())
