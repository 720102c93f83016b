/** What a server must not lose when it is asked wrongly. */
export type VitalSigns = {
  /** Connections of clients, the one that asks included. */
  connections: number
  /** Runs that somebody follows. */
  streams: number
  /** Database connections that somebody holds. */
  databaseInUse: number
  rssMb: number
}

/** Read from the server's own metrics; its database must be on a socket file, so that TCP is the clients' alone. */
export async function readVitalSigns(url: string): Promise<VitalSigns> {
  const text = await (await fetch(`${url}/metrics`, { headers: { connection: 'close' } })).text()
  const value = (name: string) => {
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `))
    return Number(line?.slice(name.length) ?? 0)
  }
  return {
    connections: value('nodejs_active_resources{type="TCPSocketWrap"}'),
    streams: value('perdure_streams_open'),
    databaseInUse: value('perdure_database_connections{state="in_use"}'),
    rssMb: value('process_resident_memory_bytes') / 1_048_576,
  }
}
