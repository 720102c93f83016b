import type { KyselyPlugin, PluginTransformQueryArgs, RootOperationNode } from 'kysely'
import { ProcessLease } from '../../src/worker/process-lease.ts'

/** The lease of a process that can be killed: from then on nothing is begun under it. */
export class MortalLease extends ProcessLease {
  #dead = false
  #onDeath: (() => void)[] = []

  override get holds(): boolean {
    return !this.#dead && super.holds
  }

  override get leftMs(): number {
    return this.#dead ? 0 : super.leftMs
  }

  override onLost(listener: () => void): void {
    super.onLost(listener)
    this.#onDeath.push(listener)
  }

  die(): void {
    this.#dead = true
    for (const listener of this.#onDeath) listener()
  }
}

/** What a statement meets that is sent by a process which is no more. */
export class Dead extends Error {
  override name = 'Dead'
}

/** A failure as PostgreSQL sends it while it is restarted. */
class AdminShutdown extends Error {
  readonly code = '57P01'
}

/** Sits between one process and its database: refuses what a dead one sends, and fails once where the story says so. */
export class Wire implements KyselyPlugin {
  isCut = false
  #failsIn = 0

  failOnce(nth: number): void {
    this.#failsIn = nth
  }

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    if (this.isCut) throw new Dead('the process is dead')
    this.#failsIn -= 1
    if (this.#failsIn === 0) throw new AdminShutdown('terminating connection due to administrator command')
    return node
  }

  async transformResult<Result>({ result }: { result: Result }): Promise<Result> {
    return result
  }
}
