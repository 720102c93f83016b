/** Starts the server as `src/` is: from `dist/`, which loads faster, unless something has been changed since it was made. */
import { isBuilt } from './sources.ts'

await (isBuilt()
  ? import(new URL('../dist/cli/main.js', import.meta.url).href)
  : import('../src/cli/main.ts'))
