import type { Compilable, CompiledQuery } from 'kysely'
import type { Db } from './schema.ts'

/** Stands for an argument while a statement is built. */
class Hole {
  readonly index: number
  constructor(index: number) {
    this.index = index
  }
}

/**
 * A statement that a turn needs often, as a function. It is built once and gets only its arguments from then on, since
 * building one costs more than sending it; and a connection plans it once, since planning costs as much as running.
 * `build` may put its arguments into the statement and nothing else: it sees no values. What changes the text is its
 * `variant`; absent arguments make another text by themselves.
 */
export function statement<Args extends object, Row, Variant = undefined>(
  build: (db: Db, args: Args, variant: Variant) => Compilable<Row>,
): (db: Db, args: Args, ...variant: Variant extends undefined ? [] : [Variant]) => Promise<Row[]> {
  const built = new Map<string, CompiledQuery<Row>>()
  return async (db, args, ...[variant]) => {
    const values: unknown[] = []
    const shape = collect(args, values) + JSON.stringify(variant)
    let query = built.get(shape)
    if (!query) {
      query = withConstants(build(db, withHoles(args, { next: 0 }) as Args, variant as Variant).compile())
      checkHoles(query, values.length)
      built.set(shape, query)
      prepare(query.sql)
    }
    const parameters = query.parameters.map((given) => (given instanceof Hole ? values[given.index] : given))
    return (await db.executeQuery<Row>({ ...query, parameters })).rows
  }
}

/** Under what name a connection keeps the plan of a text, for the texts of statements. */
const prepared = new Map<string, string>()

/** Undefined: the text is not that of a statement. */
export function preparedName(text: string): string | undefined {
  return prepared.get(text)
}

/** A plan that is kept must not depend on what a newer version of the server adds to a table: columns are named. */
function prepare(text: string): void {
  if (/(select|returning|,|\.)\s*\*/.test(text)) throw new Error(`a statement names its columns: ${text}`)
  keepPlan(text)
}

/** The same for a text that is not built here. Its result must be the same in every version of its tables. */
export function keepPlan(text: string): void {
  if (!prepared.has(text)) prepared.set(text, `perdure_${prepared.size}`)
}

/** What is the same every time stands in the text, where the planner sees it: partial indexes are chosen by it. */
function withConstants<Row>(query: CompiledQuery<Row>): CompiledQuery<Row> {
  const parameters: unknown[] = []
  const sql = query.sql.replaceAll(/\$(\d+)/g, (_, position: string) => {
    const value = query.parameters[Number(position) - 1]
    const literal = value instanceof Hole ? undefined : literalOf(value)
    if (literal !== undefined) return literal
    parameters.push(value)
    return `$${parameters.length}`
  })
  return { ...query, sql, parameters }
}

function literalOf(value: unknown): string | undefined {
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** The names of the arguments; their values go to `values`, in the same order. */
function collect(args: object, values: unknown[]): string {
  let names = ''
  for (const [name, value] of Object.entries(args)) {
    if (value === undefined) continue
    if (isPart(value)) names += `${name}(${collect(value, values)})`
    else {
      names += `${name},`
      values.push(value)
    }
  }
  return names
}

function withHoles(args: object, at: { next: number }): object {
  const holes = Object.entries(args)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, isPart(value) ? withHoles(value, at) : new Hole(at.next++)])
  return Array.isArray(args) ? holes.map(([, hole]) => hole) : Object.fromEntries(holes)
}

/** A group of arguments: the columns of a row, or rows. */
function isPart(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.length > 0 && value.every(isPart)
  return Object.getPrototypeOf(value) === Object.prototype
}

function checkHoles(query: CompiledQuery, count: number): void {
  const used = new Set(query.parameters.filter((given) => given instanceof Hole).map(({ index }) => index))
  if (used.size !== count) throw new Error(`a statement leaves arguments out, or looks at them: ${query.sql}`)
}
