import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/**
 * Which room may import from which; imports of types count. `domain` and `lib` are the floor. Files at the top of
 * `src/` put the rooms together and may see them all. To allow a new arrow, change this table and say why in
 * `ARCHITECTURE.md`.
 */
const MAY_IMPORT: Record<string, string[]> = {
  domain: [],
  lib: [],
  loop: ['domain', 'lib'],
  providers: ['domain', 'lib'],
  tools: ['domain', 'lib'],
  store: ['domain', 'lib'],
  worker: ['domain', 'lib', 'loop', 'store'],
  http: ['domain', 'lib', 'store', 'worker'],
  telemetry: ['domain', 'lib', 'worker'],
  doctor: ['domain', 'lib', 'store', 'worker'],
  cli: ['domain', 'lib', 'doctor', 'store'],
  'config.ts': ['domain', 'lib'],
}

/** Started by somebody outside, so nothing imports them. */
const ENTRY_POINTS = ['cli/main.ts', 'http/write-openapi.ts']

/** The program's own start: it may do what files at the top may, and talks to the terminal. */
const START = 'cli/main.ts'

/** Longer functions are welcome with a reason; without one, the next reader pays. Key: file and function. */
const FUNCTION_LINES_MAX = 60
const LONG_ON_PURPOSE: Record<string, string> = {
  'engine.ts startEngine':
    'makes the parts in the order in which they need each other: a list without branches',
  'worker/agent-post.ts createAgentPost':
    'ask, tell and find over one pair of dependencies; most of it is one record',
}

/** Names that answer nothing, so that everything fits in. */
const EMPTY_NAMES = /(^|-)(manager|service|helper|util|utils|helpers|services|managers)(-|\.)/

const AGENTS_LINES_MAX = 80

const ROOT = join(import.meta.dirname, '..')
const SRC = join(ROOT, 'src')

type SourceFile = { path: string; text: string; tree: ts.SourceFile; imports: string[] }

const files = readSources()

describe('tidy', () => {
  it('imports follow the table', () => {
    const wrong = files
      .filter(({ path }) => path !== START)
      .flatMap(({ path, imports }) =>
        imports.filter((target) => !mayImport(path, target)).map((target) => `${path} imports ${target}`),
      )
    expect(wrong).toEqual([])
  })

  it('no files import each other in a circle', () => {
    expect(circles()).toEqual([])
  })

  it('every file is imported by another that is not a test', () => {
    const imported = new Set(files.flatMap(({ imports }) => imports))
    const lonely = files
      .map(({ path }) => path)
      .filter((path) => !imported.has(path) && !ENTRY_POINTS.includes(path))
    expect(lonely).toEqual([])
  })

  it('long functions say why', () => {
    const long = files.flatMap(({ path, tree }) =>
      functionsOf(tree)
        .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
        .map(({ name, lines }) => ({ function: `${path} ${name}`, lines })),
    )
    const unexplained = long.filter((one) => !(one.function in LONG_ON_PURPOSE))
    expect(unexplained).toEqual([])
    expect(Object.keys(LONG_ON_PURPOSE).filter((name) => !long.some((one) => one.function === name))).toEqual(
      [],
    )
  })

  it('nothing is left for later, and nothing is cast to any', () => {
    const left = files.flatMap(({ path, text }) =>
      linesWith(text, /\b(TODO|FIXME)\b/).map((line) => `${path}: ${line}`),
    )
    expect(left).toEqual([])
    expect(files.filter(({ tree }) => castsToAny(tree)).map(({ path }) => path)).toEqual([])
  })

  it('only the command line writes to the console', () => {
    const wrong = files
      .filter(({ path }) => !path.startsWith('cli/') && path !== 'main.ts')
      .flatMap(({ path, text }) => linesWith(text, /\bconsole\./).map((line) => `${path}: ${line}`))
    expect(wrong).toEqual([])
  })

  it('files are named for what they hold', () => {
    expect(files.map(({ path }) => path).filter((path) => EMPTY_NAMES.test(basename(path)))).toEqual([])
    expect(files.map(({ path }) => path).filter((path) => !/^[a-z0-9/._-]+$/.test(path))).toEqual([])
  })

  it.runIf(existsSync(join(ROOT, 'AGENTS.md')))('AGENTS.md can be read in a minute', () => {
    const lines = readFileSync(join(ROOT, 'AGENTS.md'), 'utf8').trimEnd().split('\n')
    expect(lines.length).toBeLessThanOrEqual(AGENTS_LINES_MAX)
  })
})

function readSources(): SourceFile[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => {
      const text = readFileSync(join(SRC, path), 'utf8')
      const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
      return { path, text, tree, imports: importsOf(path, tree) }
    })
}

/** `store/runs.ts` → `store`; a file at the top is a room of its own. */
function roomOf(path: string): string {
  return path.split('/', 1)[0] ?? ''
}

function mayImport(from: string, to: string): boolean {
  const allowed = MAY_IMPORT[roomOf(from)]
  return allowed === undefined ? !from.includes('/') : [roomOf(from), ...allowed].includes(roomOf(to))
}

/** Paths below `src/` that the file imports or exports from: statically, when called for, or for a type. */
function importsOf(path: string, tree: ts.SourceFile): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node)
    if (specifier?.startsWith('.')) found.push(join(dirname(path), specifier).replaceAll('\\', '/'))
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

/** Each circle once, as the files that one walks through until one is back. */
function circles(): string[] {
  const importsOfFile = new Map(files.map(({ path, imports }) => [path, imports]))
  const done = new Set<string>()
  const found: string[] = []
  const walk = (path: string, way: string[]): void => {
    const start = way.indexOf(path)
    if (start >= 0) found.push([...way.slice(start), path].join(' -> '))
    if (start >= 0 || done.has(path)) return
    for (const target of importsOfFile.get(path) ?? []) walk(target, [...way, path])
    done.add(path)
  }
  for (const { path } of files) walk(path, [])
  return found
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return textOf(node.moduleSpecifier)
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return textOf(node.argument.literal)
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    return textOf(node.arguments[0])
  return undefined
}

function textOf(node: ts.Node | undefined): string | undefined {
  return node && ts.isStringLiteralLike(node) ? node.text : undefined
}

function functionsOf(tree: ts.SourceFile): { name: string; lines: number }[] {
  const found: { name: string; lines: number }[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      found.push({ name: nameOf(node, tree), lines: node.getText(tree).split('\n').length })
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

/** An arrow function is called what the variable or property is called that holds it. */
function nameOf(node: ts.SignatureDeclaration, tree: ts.SourceFile): string {
  const holder = node.parent
  const holderName =
    ts.isVariableDeclaration(holder) || ts.isPropertyAssignment(holder) ? holder.name : undefined
  return (node.name ?? holderName)?.getText(tree) ?? '(arrow)'
}

function castsToAny(tree: ts.Node): boolean {
  const isCast = ts.isAsExpression(tree) || ts.isTypeAssertionExpression(tree)
  if (isCast && tree.type.kind === ts.SyntaxKind.AnyKeyword) return true
  return ts.forEachChild(tree, castsToAny) ?? false
}

function linesWith(text: string, pattern: RegExp): string[] {
  return text
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [`${index + 1}: ${line.trim()}`] : []))
}
