/** A build step's whole command helps nobody. */
const LONGEST_NOTE = 90

/**
 * Numbered steps for the person who watches a start: `[2/7] Packages … done in 3 s`.
 *
 * @typedef {{ step: <T>(title: string, work: (note: (text: string) => void) => Promise<T>) => Promise<T>, say: (text: string) => void }} Steps
 * @param {{ stream: NodeJS.WriteStream, total: number, before?: number }} options `before`: steps already taken by another process.
 * @returns {Steps}
 */
export function createSteps({ stream, total, before = 0 }) {
  const live = stream.isTTY === true
  const dim = (/** @type {string} */ text) => (live ? `\u001b[2m${text}\u001b[22m` : text)
  const say = (/** @type {string} */ text) => stream.write(`${text}\n`)
  let number = before

  return {
    say,
    async step(title, work) {
      number += 1
      const head = `[${number}/${total}] ${title}`
      const started = Date.now()
      const elapsed = () => `${((Date.now() - started) / 1000).toFixed(1)} s`
      let latest = ''
      let open = live
      const draw = () => {
        if (!open) return
        const room = Math.max(20, (stream.columns ?? 80) - head.length - 12)
        stream.write(`\r\u001b[K${head} … ${dim(`${latest.slice(0, room)} ${elapsed()}`)}`)
      }
      const note = (/** @type {string} */ text) => {
        const line = (text.trim().split('\n').at(-1) ?? '').slice(0, LONGEST_NOTE)
        if (line === '' || line === latest) return
        latest = line
        if (live) draw()
        else say(`      ${line}`)
      }
      if (live) draw()
      else say(`${head} …`)
      const timer = setInterval(draw, 500)
      const end = (/** @type {string} */ word) => {
        clearInterval(timer)
        open = false
        stream.write(live ? `\r\u001b[K${head} ${dim(word)}\n` : `      ${word}\n`)
      }
      try {
        const result = await work(note)
        end(`done in ${elapsed()}`)
        return result
      } catch (error) {
        end('failed')
        throw error
      }
    },
  }
}

/** What a person can mend: shown without a stack. */
export class CannotStart extends Error {}
