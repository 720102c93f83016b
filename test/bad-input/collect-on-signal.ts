/**
 * Loaded into a server that runs with `--expose-gc`: at SIGUSR2 it collects its garbage as the engine does when memory is
 * short, so that what it keeps shows. An ordinary collection keeps the pages that it has emptied.
 */
process.on('SIGUSR2', () => {
  for (let times = 0; times < 3; times++)
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
})
