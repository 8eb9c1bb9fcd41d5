import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { formsOf } from './headers.ts'

/** Shorter ones are words that local servers want for a key (`ollama`, `lm-studio`) and that answers are full of. */
const SHORTEST_SECRET = 12
const STAR = 42

export interface MaskStream {
  /** What may go on of this piece and of what was held back. The piece itself, where nothing has to be done. */
  take(piece: Buffer): Buffer
  /** What is still held back when the answer has ended. */
  rest(): Buffer
}

/**
 * Stars out the provider's key in an answer that passes in pieces. A masked form keeps its length, so that an announced length
 * stays true. Only the end of a piece that may be the beginning of the key waits for the next one. Null: there is no secret.
 */
export function keyMaskStream(key: string | null): MaskStream | null {
  if (key === null || key.length < SHORTEST_SECRET) return null
  const forms = [...formsOf(key)].map((form) => Buffer.from(form)).sort((a, b) => b.length - a.length)
  let held = Buffer.alloc(0)

  return {
    take(piece) {
      const bytes = held.length === 0 ? piece : Buffer.concat([held, piece])
      const masked = starredOut(bytes, forms)
      const end = masked.length - beginningAtEnd(masked, forms)
      // A copy: the piece may be 64 KiB, and what waits is a few bytes of it.
      held = Buffer.from(masked.subarray(end))
      return end === masked.length ? masked : masked.subarray(0, end)
    },
    rest() {
      const last = held
      held = Buffer.alloc(0)
      return last
    },
  }
}

function starredOut(bytes: Buffer, forms: readonly Buffer[]): Buffer {
  let masked: Buffer | null = null
  for (const form of forms)
    for (let at = bytes.indexOf(form); at !== -1; at = bytes.indexOf(form, at + 1)) {
      masked ??= Buffer.from(bytes)
      masked.fill(STAR, at, at + form.length)
    }
  return masked ?? bytes
}

/** How many bytes at the end are the beginning of a form. */
function beginningAtEnd(bytes: Buffer, forms: readonly Buffer[]): number {
  const longest = forms[0]?.length ?? 0
  for (let length = Math.min(longest - 1, bytes.length); length > 0; length--) {
    const end = bytes.subarray(bytes.length - length)
    if (forms.some((form) => form.length > length && form[0] === end[0] && form.subarray(0, length).equals(end)))
      return length
  }
  return 0
}

const DECODERS = new Map<string, () => NodeJS.ReadWriteStream & Readable>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
  ['zstd', createZstdDecompress],
])

/** The answer's own bytes, whatever a provider that was asked for none has packed them in; null where that is not known. */
export function unpacked(body: Readable, coding: string | string[] | undefined): Readable | null {
  if (coding === undefined || coding === '' || coding === 'identity') return body
  const decoder = typeof coding === 'string' ? DECODERS.get(coding.toLowerCase())?.() : undefined
  // Errors of either reach whoever reads the decoder.
  return decoder ? pipeline(body, decoder, () => undefined) : null
}
