/** The first `charsMax` characters (code points, so that none is cut in two). */
export function cutText(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text
  const points = [...text.slice(0, charsMax * 2)]
  return points.slice(0, charsMax).join('')
}

/** Characters as people and the old server count them: code points. */
export function charCount(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}
