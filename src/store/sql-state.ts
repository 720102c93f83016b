/**
 * The five-letter code of an error that the database sent, if it is one. Each has a digit, unlike those of the system:
 * `EPIPE` is no news from a database.
 */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined
}
