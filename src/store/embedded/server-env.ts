import type { Binaries } from './binaries.ts'

/** The environment of PostgreSQL's programs: ours, without the variables that would change what they do. */
export function serverEnv(binaries: Binaries): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name))
  return { ...Object.fromEntries(kept), ...binaries.env }
}
