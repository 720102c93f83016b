import { connect } from 'node:net'

/**
 * Writes bytes to a port and gives everything that comes back until the other side closes. `pieces` that follow the
 * first are written one by one, with a pause between them, for as long as the other side listens.
 */
export function sayRaw(url: string, pieces: string[], pauseMs = 0): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((done) => {
    const socket = connect(Number(port), hostname)
    let heard = ''
    let next = 0
    const write = () => {
      const piece = pieces[next++]
      if (piece === undefined || !socket.writable) return clearInterval(timer)
      socket.write(piece, 'latin1')
    }
    const timer = setInterval(write, pauseMs)
    socket.setEncoding('latin1').on('data', (text) => {
      heard += text
    })
    // A reset is an end like another: what was heard before it counts.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearInterval(timer)
      done(heard)
    })
  })
}

/** Writes a request and goes away at once, without a word. */
export function leaveEarly(url: string, text: string): Promise<void> {
  const { hostname, port } = new URL(url)
  return new Promise((done) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(text, 'latin1', () => socket.resetAndDestroy())
    })
    socket.on('error', () => undefined)
    socket.on('close', () => done())
  })
}
