import { join, resolve } from 'node:path'
import { chooseAccount } from './account.ts'
import { newAddress, socketRoot } from './address.ts'
import { findBinaries } from './binaries.ts'
import { createCluster } from './cluster.ts'
import { keepRunning } from './keep-running.ts'
import { endLeftOver, removeSocket } from './left-over.ts'
import { takeOwnership } from './ownership.ts'
import type { Setup } from './postmaster.ts'

export type EmbeddedServer = {
  /** For `pg` and all that is built on it. It stays the same for as long as the server is open. */
  connectionString: string
  dataDir: string
  /** The folder of the socket; null where it listens on 127.0.0.1 instead. */
  socketDir: string | null
  /** The PostgreSQL process that runs now. */
  readonly pid: number
  stop(): Promise<void>
}

/**
 * PostgreSQL as a child of this process, with its data in a folder: made on the first start, recovered after any kind of
 * death. It listens on a socket in a private folder (on 127.0.0.1 where there are none), is started again when it dies,
 * and ends when this process does. `observe` hears its log, line by line.
 *
 * Throws DataFolderInUse when another server works with the folder.
 */
export async function openEmbedded(
  dataDirGiven: string,
  observe: (line: string) => void = () => undefined,
): Promise<EmbeddedServer> {
  const dataDir = resolve(dataDirGiven)
  const giveBack = await takeOwnership(dataDir)
  try {
    return await openOwned(dataDir, observe, giveBack)
  } catch (error) {
    giveBack()
    throw error
  }
}

async function openOwned(
  dataDir: string,
  observe: (line: string) => void,
  giveBack: () => void,
): Promise<EmbeddedServer> {
  const setup = await prepare(dataDir, observe)
  const { connectionString, socketDir } = setup.address
  const leave = async () => {
    if (socketDir) await removeSocket(socketDir)
    giveBack()
  }
  const server = await keepRunning(setup).catch((error: unknown) => leave().then(() => Promise.reject(error)))
  return {
    connectionString,
    dataDir,
    socketDir,
    get pid() {
      return server.pid
    },
    stop: () => server.stop().finally(leave),
  }
}

/** Everything up to the start: programs, account, files, address. */
async function prepare(dataDir: string, observe: (line: string) => void): Promise<Setup> {
  const clusterDir = join(dataDir, 'postgres')
  const binaries = await findBinaries(join(dataDir, 'lib'))
  const account = chooseAccount([clusterDir, binaries.postgres, join(socketRoot(), 'perdure')])
  await endLeftOver(clusterDir)
  await createCluster(clusterDir, binaries, account)
  return { clusterDir, binaries, account, address: await newAddress(), observe }
}
