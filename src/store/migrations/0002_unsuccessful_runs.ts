import { type Kysely, sql } from 'kysely'

/** What went wrong with one agent is found without looking through all that went well. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index runs_unsuccessful on runs (organization_id, agent_id, status, created_at desc, id desc)
      where status in ('failed', 'cancelled')`.execute(db)
}
