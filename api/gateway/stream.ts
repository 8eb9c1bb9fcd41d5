import type { ServerHttp2Stream } from 'node:http2'
import { type Duplex, pipeline } from 'node:stream'

interface Attached {
  /** Where the bytes that follow begin. */
  offset: number
  bytes: Duplex
}

/** Joins a viewer's HTTP/2 stream with a terminal: request body = input, answer body = output from `x-offset` on. */
export function streamTerminal(stream: ServerHttp2Stream, { offset, bytes }: Attached) {
  stream.respond({ ':status': 200, 'content-type': 'application/octet-stream', 'x-offset': String(offset) })
  // Either side's end ends the other; an error is only a viewer that went away, and the terminal itself goes on.
  pipeline(stream, bytes, stream, () => bytes.destroy())
}
