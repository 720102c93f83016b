/**
 * Why the server cannot start, where whoever starts it can mend that: the message says what is wrong and what would be
 * right. Anything else that is thrown at the start is a defect.
 */
export class StartError extends Error {
  override name = 'StartError'
}
