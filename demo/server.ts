import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServerProcess, startServerProcess } from '../test/server-process.ts'

/** The server that the story is about. */
export type DemoServer = {
  url: string
  /** Only a server that the demo started itself may be killed. */
  plug: Plug | null
  end(): Promise<void>
}

export type Plug = {
  pull(): Promise<void>
  /** Starts the server again: same data, same address. */
  putBack(): Promise<void>
}

export function someonesServer(url: string): DemoServer {
  return { url, plug: null, end: async () => undefined }
}

/** A server of the demo's own, from this checkout, on a folder that is removed at the end. */
export async function startOwnServer(): Promise<DemoServer> {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-demo-'))
  const settings = { ...providerSettings(), PERDURE_DATA_DIR: folder }
  let server: ServerProcess = await startServerProcess(settings)
  const { url } = server
  const port = new URL(url).port
  return {
    url,
    plug: {
      pull: () => server.kill(),
      async putBack() {
        server = await startServerProcess({ ...settings, PERDURE_PORT: port })
      },
    },
    async end() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What the environment says of model providers; not where another server of the user keeps its data. */
function providerSettings(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || /^(PERDURE|LETTA)_|DATABASE_URL$|^PORT$/.test(name) ? [] : [[name, value]],
    ),
  )
}
