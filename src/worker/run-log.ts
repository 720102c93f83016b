import type { Frame, MessageType, NumberedFrame } from '../domain/frame.ts'
import type { Lease } from '../domain/run.ts'
import { holdRun, reserveSeq } from '../store/leases.ts'
import { inTransaction } from '../store/transaction.ts'
import type { EngineDeps } from './deps.ts'

/**
 * The numbers of a run's frames, under one driver. A number is reserved in the database before anybody sees it, so that
 * whoever drives next starts above it.
 */
export class RunLog {
  readonly #deps: EngineDeps
  readonly #lease: Lease
  readonly #types: MessageType[] | null
  #seq: number
  #reserved: number

  constructor(
    deps: EngineDeps,
    lease: Lease,
    types: MessageType[] | null,
    seqLast: number,
    reserved: number,
  ) {
    this.#deps = deps
    this.#lease = lease
    this.#types = types && types.length > 0 ? types : null
    this.#seq = seqLast
    this.#reserved = reserved
  }

  get seq(): number {
    return this.#seq
  }

  /** The frames that the run's own filter shows, with the numbers that they will have once they are stored. */
  number(frames: Frame[]): NumberedFrame[] {
    return frames
      .filter((frame) => this.#isShown(frame))
      .map((frame, index) => ({ seq: this.#seq + 1 + index, frame }))
  }

  /** The frames are stored, and so is the reservation of the numbers behind them. */
  advance(frames: NumberedFrame[], reserved: number): void {
    this.#seq = frames.at(-1)?.seq ?? this.#seq
    this.#reserved = Math.max(this.#reserved, reserved)
  }

  /** Shows a piece at once; the log has it a tenth of a second later. */
  async show(frame: Frame): Promise<void> {
    if (!this.#isShown(frame)) return
    if (this.#seq + 1 > this.#reserved) await this.#reserve()
    this.#seq += 1
    const numbered = { seq: this.#seq, frame }
    this.#deps.buffer.add(this.#lease, numbered)
    this.#deps.hub.show(this.#lease.runId, [numbered])
  }

  async #reserve(): Promise<void> {
    this.#reserved = await inTransaction(this.#deps.db, async (tx) => {
      await holdRun(tx, this.#lease)
      return reserveSeq(tx, this.#lease, this.#seq)
    })
  }

  #isShown(frame: Frame): boolean {
    if (this.#types === null) return true
    if (frame.kind === 'message') return this.#types.includes(frame.view.type)
    if (frame.kind === 'delta') return this.#types.includes(frame.body.type)
    return true
  }
}
