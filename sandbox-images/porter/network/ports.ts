import { readFile } from 'node:fs/promises'
import type { Writable } from 'node:stream'

const LISTEN = '0A'
const POLL_MS = 1000

async function listening(file: string): Promise<number[]> {
  const table = await readFile(file, 'utf8').catch(() => '')
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === LISTEN)
    .map((columns) => Number.parseInt(columns[1]?.split(':')[1] ?? '', 16))
}

/** TCP ports that something in the sandbox listens on, without the porter's own, sorted. */
export async function openPorts(own: number[]): Promise<number[]> {
  const found = await Promise.all([listening('/proc/net/tcp'), listening('/proc/net/tcp6')])
  return [...new Set(found.flat())].filter((port) => port > 0 && !own.includes(port)).sort((a, b) => a - b)
}

/** One NDJSON line now and one at each change. The kernel has no event for this: the table is read once a second. */
export function streamPorts(stream: Writable, own: number[]) {
  let last = ''
  const look = async () => {
    const line = `${JSON.stringify({ ports: await openPorts(own) })}\n`
    if (line !== last && !stream.destroyed) stream.write(line)
    last = line
  }
  const timer = setInterval(look, POLL_MS)
  stream.on('close', () => clearInterval(timer))
  return look()
}
