/** Models and tools that wait to be told to go on: the places at which a story can do something in between. */
export class Waits {
  #parked = new Map<symbol, { what: string; go: () => void }>()

  get count(): number {
    return this.#parked.size
  }

  get what(): string[] {
    return [...this.#parked.values()].map(({ what }) => what)
  }

  /** Resolves when it is released, or when `signal` aborts. */
  async park(what: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const key = Symbol(what)
    await new Promise<void>((go) => {
      this.#parked.set(key, { what, go })
      signal.addEventListener('abort', () => go(), { once: true })
    })
    this.#parked.delete(key)
  }

  /** Lets the one that has waited longest go on, or all. */
  release(all: boolean): void {
    for (const [key, { go }] of [...this.#parked].slice(0, all ? undefined : 1)) {
      this.#parked.delete(key)
      go()
    }
  }
}
