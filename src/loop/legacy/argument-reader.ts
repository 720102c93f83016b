/** A piece of one argument: `raw` as it was written; `text` decoded, of a string. */
export type ArgumentPiece =
  | { type: 'piece'; name: string; isFirst: boolean; raw: string; text: string }
  | { type: 'end' }

type Place = 'before' | 'name' | 'colon' | 'value' | 'string' | 'other' | 'between' | 'behind'

/** Reads a JSON object while it is still being written, argument by argument. What is not JSON it passes over. */
export class ArgumentReader {
  #place: Place = 'before'
  #name = ''
  #isFirst = true
  /** An escape that has begun, in a name or a string. */
  #escape = ''
  /** Brackets that are open inside a value. */
  #depth = 0
  #isQuoted = false

  read(text: string): ArgumentPiece[] {
    const pieces: ArgumentPiece[] = []
    for (const char of text) this.#readChar(char, pieces)
    return pieces
  }

  #readChar(char: string, pieces: ArgumentPiece[]): void {
    switch (this.#place) {
      case 'before':
        if (char === '{') this.#place = 'between'
        break
      case 'between':
        this.#readBetween(char, pieces)
        break
      case 'name':
        this.#readName(char)
        break
      case 'colon':
        if (char === ':') this.#place = 'value'
        break
      case 'value':
        this.#readStart(char, pieces)
        break
      case 'string':
        this.#readString(char, pieces)
        break
      case 'other':
        this.#readOther(char, pieces)
        break
      case 'behind':
        break
    }
  }

  #readBetween(char: string, pieces: ArgumentPiece[]): void {
    if (char === '"') {
      this.#place = 'name'
      this.#name = ''
    } else if (char === '}') {
      this.#place = 'behind'
      pieces.push({ type: 'end' })
    }
  }

  #readName(char: string): void {
    const whole = this.#unescaped(char)
    if (whole === '"') this.#place = 'colon'
    else if (whole !== null) this.#name += decoded(whole)
  }

  #readStart(char: string, pieces: ArgumentPiece[]): void {
    if (char.trim() === '') return
    this.#isFirst = true
    this.#depth = 0
    this.#isQuoted = false
    this.#place = char === '"' ? 'string' : 'other'
    if (char === '"') this.#push(pieces, char, '')
    else this.#readOther(char, pieces)
  }

  #readString(char: string, pieces: ArgumentPiece[]): void {
    const whole = this.#unescaped(char)
    if (whole === null) return
    if (whole === '"') this.#place = 'between'
    this.#push(pieces, whole, whole === '"' ? '' : decoded(whole))
  }

  /** Numbers, words, lists and objects: up to the comma or bracket that is not theirs. */
  #readOther(char: string, pieces: ArgumentPiece[]): void {
    if (this.#isQuoted) {
      const whole = this.#unescaped(char)
      if (whole === '"') this.#isQuoted = false
      if (whole !== null) this.#push(pieces, whole, '')
      return
    }
    if (this.#depth === 0 && (char === ',' || char === '}')) {
      this.#place = 'between'
      this.#readBetween(char, pieces)
      return
    }
    if (char === '"') this.#isQuoted = true
    if (char === '{' || char === '[') this.#depth += 1
    if (char === '}' || char === ']') this.#depth -= 1
    this.#push(pieces, char, '')
  }

  /** A character of a string with its escape, once it is whole; null: it is not yet. */
  #unescaped(char: string): string | null {
    const text = this.#escape + char
    const isWhole = !text.startsWith('\\') || text.length === (text[1] === 'u' ? 6 : 2)
    this.#escape = isWhole ? '' : text
    return isWhole ? text : null
  }

  #push(pieces: ArgumentPiece[], raw: string, text: string): void {
    const last = pieces.at(-1)
    if (last?.type === 'piece' && last.name === this.#name && !this.#isFirst) {
      last.raw += raw
      last.text += text
      return
    }
    pieces.push({ type: 'piece', name: this.#name, isFirst: this.#isFirst, raw, text })
    this.#isFirst = false
  }
}

function decoded(char: string): string {
  if (!char.startsWith('\\')) return char
  try {
    return String(JSON.parse(`"${char}"`))
  } catch {
    return char
  }
}
