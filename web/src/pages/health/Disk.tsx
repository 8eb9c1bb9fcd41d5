import { IconAlertTriangle, IconCircleCheck, IconCircleX, IconInfoCircle } from '@tabler/icons-react'
import type { UseQueryResult } from '@tanstack/react-query'
import { type DiskReport, sized } from '../../../../api/contract/health.ts'
import { Bones, Ready } from '../../components/feedback/Waiting.tsx'
import { Section } from '../../components/Page.tsx'
import { Rows } from '../../components/Rows.tsx'
import styles from './Health.module.css'

type Disk = DiskReport['disks'][number]

const signs = {
  ok: { icon: IconCircleCheck, means: 'OK' },
  warning: { icon: IconAlertTriangle, means: 'to be watched elsewhere' },
  refused: { icon: IconCircleX, means: 'nearly full' },
  note: { icon: IconInfoCircle, means: 'for your information' },
} as const

const Line = ({ status, title, lines }: { status: keyof typeof signs; title: string; lines: readonly string[] }) => {
  const { icon: Icon, means } = signs[status]
  return (
    <li>
      <div className={styles.check} data-status={status}>
        <Icon size={20} aria-label={means} />
        <div>
          <p>{title}</p>
          {lines.map((line) => (
            <small key={line}>{line}</small>
          ))}
        </div>
      </div>
    </li>
  )
}

const heldBy = ({ holds }: Disk) => new Intl.ListFormat('en').format(holds)
const left = (disk: Disk) => disk.freeBytes - disk.promisedBytes
/** The tightest one is the one that it is about. */
const isTight = (disk: Disk, disks: readonly Disk[]) =>
  disks.every((other) => left(disk) - disk.reserveBytes <= left(other) - other.reserveBytes)

const roomIn = ({ freeBytes, totalBytes, promisedBytes, reserveBytes }: Disk) => [
  `${sized(freeBytes)} free of ${sized(totalBytes)}${promisedBytes > 0 ? `. Workspaces may still take ${sized(promisedBytes)} of it` : ''}.`,
  `${sized(reserveBytes)} are kept for stops, sign-in and the log.`,
]

function takenBy({ takes, recordings }: DiskReport): string[] {
  const size = (bytes: number | null) => (bytes === null ? 'not known' : sized(bytes))
  const { limitBytes, personLimitBytes } = recordings
  // Without a disk to read nobody knows what a quarter of it is.
  const limit = limitBytes > 0 ? ` of at most ${sized(limitBytes)}, ${sized(personLimitBytes)} for each person` : ''
  return [
    `Database ${size(takes.database)}. Workspaces ${size(takes.workspaces)}. Recordings ${size(takes.recordings)}${limit}.`,
    `Recordings stay for ${recordings.keptDays} days after a prototype is deleted.`,
  ]
}

/** How much room there is, what takes it, and whether new work is refused because of it. */
export const DiskRoom = ({ query }: { query: UseQueryResult<DiskReport> }) => (
  <Section title="Disk" intro={query.data?.words ?? 'When it is nearly full, new work is refused and people go on.'}>
    <Ready query={query} bones={<Bones rows={2} />}>
      {(report) => (
        <Rows>
          {report.disks.length === 0 && <Line status="refused" title="The disk cannot be read" lines={[]} />}
          {report.disks.map((disk) => (
            <Line
              key={disk.holds.join()}
              status={report.low && isTight(disk, report.disks) ? 'refused' : 'ok'}
              title={`Room for ${heldBy(disk)}`}
              lines={roomIn(disk)}
            />
          ))}
          {!report.databaseIsHere && (
            <Line
              status="warning"
              title="The database is somewhere else"
              lines={['Its disk cannot be seen from here, so nothing is kept free on it. Watch it where it runs.']}
            />
          )}
          <Line status="note" title="What takes it" lines={takenBy(report)} />
        </Rows>
      )}
    </Ready>
  </Section>
)
