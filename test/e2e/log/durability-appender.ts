/** A writer to be killed: appends without end and prints the id of each event that was acknowledged. Arguments: database URL, round. */
import { writeSync } from 'node:fs'
import { AuditUnavailable, createAppender } from '../../../api/audit/append.ts'
import { auditEvent } from '../../../api/audit/event.ts'

const WRITERS = 16
const [databaseUrl = '', round = '0'] = process.argv.slice(2)
const appender = createAppender(databaseUrl, { deadlineMs: 2_000 })

async function write(writer: number) {
  for (let n = 0; ; n += 1) {
    const event = auditEvent('kill.ordered', {
      actor: { type: 'system', id: 'gateway' },
      decision: 'info',
      reason: 'ordered',
      correlation: `${round}-${process.pid}-${writer}-${n}`,
      detail: { scope: 'load', target: null, why: null },
    })
    try {
      await appender.append(event)
    } catch (error) {
      if (error instanceof AuditUnavailable) continue
      throw error
    }
    // Synchronous: what is acknowledged must reach the reader even if we are killed on the next instruction.
    writeSync(1, `${event.id}\n`)
  }
}
await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
