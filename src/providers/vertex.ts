import { google } from './google.ts'
import type { Wire } from './wires.ts'

/** Google's format over Google Cloud: signed by the machine's own Google credentials, or by a key. */
export const vertex: Wire = {
  ...google,
  async open({ apiKey, extra }, model, fetch) {
    const { createGoogleVertex } = await import('@ai-sdk/google-vertex')
    return createGoogleVertex({
      ...(apiKey !== null && { apiKey }),
      ...(extra.project && { project: extra.project }),
      location: extra.location || 'us-central1',
      fetch,
    })(model)
  },
}
