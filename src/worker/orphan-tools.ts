/**
 * Tools that go on though their run has ended without them: they do not listen to their signal. They hold no slot, but
 * memory and whatever they reach for, so that there is a limit to them.
 */
export class OrphanTools {
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Counts a tool until it ends; what it gives then is for nobody. */
  add(running: Promise<unknown>): void {
    this.#count += 1
    const leave = () => {
      this.#count -= 1
    }
    running.then(leave, leave)
  }
}
