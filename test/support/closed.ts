import type { EventEmitter } from 'node:events'

/**
 * Resolves when a stream is gone, whether it ended or was reset.
 * `once(stream, 'close')` of `node:events` throws on a reset instead, which a peer that is cut off while it writes may get.
 */
export const closed = (stream: EventEmitter): Promise<void> =>
  new Promise((done) => {
    stream.on('error', () => {}).once('close', () => done())
  })
