import type { MessageId } from './id.ts'

/** Messages of which a provider gets only a part: their images are left out, or the texts of their results. */
export type Withheld = { images: MessageId[]; results: MessageId[] }

export const WITHHELD_NONE: Withheld = { images: [], results: [] }
