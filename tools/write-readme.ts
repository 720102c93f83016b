/** Puts into the README what is said of the settings in the code. Run by `npm run readme`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { settingsTable } from './settings-table.ts'

const README = join(import.meta.dirname, '../README.md')
const text = readFileSync(README, 'utf8')
writeFileSync(README, text.replace(/^\| Variable .*\|\n(\|.*\|\n)+/m, `${settingsTable()}\n`))
