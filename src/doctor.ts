import type { Config } from './config.ts'
import type { DoctorDeps } from './doctor/check.ts'
import { findAddress } from './store/address.ts'
import { openEmbedded } from './store/embedded/open-embedded.ts'
import { migrate, openDatabase } from './store/open.ts'
import { Queue } from './worker/queue.ts'

/** What the doctor works with: the database that a server with these settings has. It may be running meanwhile. */
export async function openForDoctor(config: Config): Promise<{ deps: DoctorDeps; close(): Promise<void> }> {
  const embedded = config.databaseUrl === null ? await openEmbedded(config.dataDir) : null
  const connectionString = embedded?.connectionString ?? config.databaseUrl ?? ''
  await migrate(config.databaseDirectUrl ?? connectionString)
  const { sessions } = await findAddress(connectionString, null)
  const db = openDatabase({ connectionString, sessions, connectionsMax: 4 })
  const queue = new Queue(connectionString, () => undefined, config.leaseMs)
  await queue.open()
  return {
    deps: { db, queue, fault: () => undefined },
    async close() {
      await queue.stop(1_000)
      await db.destroy()
      await embedded?.stop()
    },
  }
}
