import type { Duplex } from 'node:stream'

/** Resolves with everything read from now on, as latin1, once it holds `what`; the rest waits. */
export function readUntil(bytes: Duplex, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const seen: string[] = []
    let tail = ''
    const gone = () => reject(new Error(`closed after: ${tail}`))
    bytes.on('data', function read(piece: Buffer) {
      const text = piece.toString('latin1')
      seen.push(text)
      const found = (tail + text).includes(what)
      tail = (tail + text).slice(-200 - what.length)
      if (!found) return
      bytes.off('data', read)
      bytes.off('close', gone)
      bytes.pause()
      resolve(seen.join(''))
    })
    bytes.once('close', gone)
    bytes.resume()
  })
}
