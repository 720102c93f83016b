/** What `perdure --version` and the API's document say. */
export const VERSION = '0.1.0'

/** The old server's release whose API this one speaks: clients compare it. */
export const API_VERSION = '0.16.8'
