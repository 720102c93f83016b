/**
 * Why the server cannot start, where whoever starts it can mend that: the message says what is wrong and what would be
 * right. Anything else that is thrown at the start is a defect.
 */
export class StartError extends Error {
  override name = 'StartError'
}

/** `lines`: each names the variable that is wrong, and says what would be right. */
export function wrongConfiguration(lines: string[]): StartError {
  return new StartError(`The configuration is wrong:\n${lines.map((line) => `  ${line}`).join('\n')}`)
}
