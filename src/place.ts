import type { Config } from './config.ts'
import { findAddress } from './store/address.ts'
import { dbOf, openPool } from './store/connection.ts'
import { openEmbedded } from './store/embedded/open-embedded.ts'
import { migrate } from './store/open.ts'
import { deleteAllProcesses } from './store/processes.ts'

export type Place = Awaited<ReturnType<typeof openPlace>>

/** The database, up to date: the embedded one, or the one that the settings name. */
export async function openPlace(config: Config) {
  const embedded = config.databaseUrl === null ? await openEmbedded(config.dataDir) : null
  const url = embedded?.connectionString ?? config.databaseUrl ?? ''
  const directUrl = embedded ? null : config.databaseDirectUrl
  await migrate(directUrl ?? url)
  const address = await findAddress(url, directUrl)
  const { sessions } = address
  const pool = openPool({
    connectionString: url,
    connectionsMax: config.databaseConnectionsMax,
    sessions,
  })
  const db = dbOf(pool, sessions)
  if (embedded) await deleteAllProcesses(db)
  return { embedded, address, pool, db }
}
