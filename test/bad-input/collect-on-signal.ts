/** Loaded into a server that runs with `--expose-gc`: at SIGUSR2 it collects its garbage, so that what it keeps shows. */
process.on('SIGUSR2', () => {
  for (let times = 0; times < 3; times++) globalThis.gc?.()
})
