/**
 * A refusal that the model reads, as `Error executing function <tool>: <name>: <message>`. The names are those of the
 * old server's exceptions, because agents have learnt from them; the message says what would be right.
 */
export class ToolError extends Error {
  override name: string

  constructor(message: string, name: 'ValueError' | 'KeyError' | 'TypeError' = 'ValueError') {
    super(message)
    this.name = name
  }
}
