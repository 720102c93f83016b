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
 * A statement that a turn needs often, as a function: it is built once and gets only its arguments from then on, since
 * building one costs more than sending it. `build` may put its arguments into the statement and nothing else: it sees no
 * values. What changes the text is its `variant`; absent arguments make another text by themselves.
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
      query = build(db, withHoles(args, { next: 0 }) as Args, variant as Variant).compile()
      checkHoles(query, values.length)
      built.set(shape, query)
    }
    const parameters = query.parameters.map((given) => (given instanceof Hole ? values[given.index] : given))
    return (await db.executeQuery<Row>({ ...query, parameters })).rows
  }
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
