/** Libraries of many small modules, which hold nothing that two copies of them would have to share. */
export const TAKEN_IN = [
  '@asteasolutions/zod-to-openapi',
  '@hono/node-server',
  '@hono/zod-openapi',
  '@opentelemetry/api',
  'hono',
  'kysely',
  'openapi3-ts',
  'p-limit',
  'yocto-queue',
  'zod',
]

/** Makes few modules of many: a program each, by the name of its file in `dir`, and what they share. */
export async function bundle(programs: Record<string, string>, dir: string): Promise<void> {
  const { rolldown } = await import('rolldown')
  const made = await rolldown({
    input: programs,
    platform: 'node',
    external: (id) => !/^[./]/.test(id) && !TAKEN_IN.some((name) => id === name || id.startsWith(`${name}/`)),
  })
  await made.write({
    dir,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  })
}
