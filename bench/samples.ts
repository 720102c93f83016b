/** The value that a share (0–1) of the samples does not exceed. */
export function quantile(samples: number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

export function median(samples: number[]): number {
  return quantile(samples, 0.5)
}

/** Runs `act` and tells how long it took, in milliseconds. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await act()
  return performance.now() - start
}

export type Pair = { direct: number; through: number }

/**
 * Two ways of doing the same, by turns, so that a busy machine is busy for both. The first pairs are not counted: they
 * warm up.
 */
export async function interleaved(
  count: number,
  direct: () => Promise<number>,
  through: () => Promise<number>,
  warmUps = 20,
): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (let turn = -warmUps; turn < count; turn++) {
    const pair = { direct: await direct(), through: await through() }
    if (turn >= 0) pairs.push(pair)
  }
  return pairs
}
