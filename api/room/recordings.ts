import { sized } from '../contract/health.ts'

const GIB = 1_073_741_824
/** Weeks of usual work of one person, compressed. */
const PERSON_BYTES = 5 * GIB
/** Of the disk that they are on. */
const ALL_SHARE = 1 / 4

/** What the operator asked for. Null: see recordingLimitsOf. */
export interface WantedRecordings {
  personBytes: number | null
  allBytes: number | null
  /** How long the recordings of a sandbox stay after it was removed. */
  keptDays: number
}

/** Quotas of recordings. Those of removed prototypes count until their time is over: they are evidence. */
export interface RecordingLimits {
  personBytes: number
  allBytes: number
  keptDays: number
}

/** All: a quarter of the disk. A person: 5 GiB, and at most half of all. */
export function recordingLimitsOf(diskBytes: number, wanted: WantedRecordings): RecordingLimits {
  const allBytes = Math.floor(wanted.allBytes ?? diskBytes * ALL_SHARE)
  const personBytes = wanted.personBytes ?? Math.min(PERSON_BYTES, Math.floor(allBytes / 2))
  return { personBytes, allBytes, keptDays: wanted.keptDays }
}

export interface Used {
  personBytes: number
  allBytes: number
}

export interface Left {
  bytes: number
  /** Why no more than that may be recorded, and what to do. */
  words: string
}

/** What one person may still record. */
export function leftFor({ personBytes, allBytes, keptDays }: RecordingLimits, used: Used): Left {
  const ofPerson = personBytes - used.personBytes
  const ofAll = allBytes - used.allBytes
  const kept = `They are evidence, and stay for ${keptDays} days after a prototype is deleted, so deleting makes no room.`
  if (ofPerson <= ofAll)
    return {
      bytes: ofPerson,
      words: `The recordings of your terminals have reached their limit of ${sized(personBytes)}. ${kept} Ask your admin for more room for recordings.`,
    }
  return {
    bytes: ofAll,
    words: `All recordings together have reached their limit of ${sized(allBytes)}. ${kept} Ask your admin for more room for recordings.`,
  }
}
