import { expect, onTestFinished, test } from 'vitest'
import { openGauge } from '../../../api/room/gauge.ts'
import type { Disk } from '../../../api/room/judge.ts'
import { gaugeOn, someDisk } from '../../support/room.ts'

const GIB = 2 ** 30
/** Of 200 GiB 10 are kept. */
const RESERVE = 10 * GIB

async function opened(first: Disk | null) {
  const opened = await gaugeOn(first)
  onTestFinished(() => opened.gauge.close())
  return opened
}

test('who listens hears when it becomes low and when it has room again, once each', async () => {
  const { gauge, set } = await opened(someDisk())
  const heard: boolean[] = []
  gauge.onChange(({ low }) => heard.push(low))
  await set(someDisk(RESERVE - 1), true)
  await set(someDisk(2 * RESERVE), false)
  expect(heard).toEqual([true, false])
})

test('a disk that cannot be read counts as full, at the start and later', async () => {
  const { gauge, set } = await opened(null)
  expect(gauge.room()).toMatchObject({ low: true, words: expect.stringContaining('cannot be read') })
  await set(someDisk(), false)
  await set(null, true)
  expect(gauge.hasRoomFor(1)).toBe(false)
})

test('a disk that does not answer counts as full, and is asked again', async () => {
  const asked = { times: 0 }
  const gauge = await openGauge({
    places: { database: null, recordings: '/', workspaces: '/' },
    reserveBytes: null,
    everyMs: 5,
    patienceMs: 20,
    measure: () => (asked.times++ === 1 ? new Promise(() => {}) : Promise.resolve([someDisk()])),
  })
  onTestFinished(() => gauge.close())
  const heard: boolean[] = []
  await new Promise<void>((done) =>
    gauge.onChange(({ low }) => {
      heard.push(low)
      if (!low) done()
    }),
  )
  expect(heard).toEqual([true, false])
})

test('what was recorded since the last look is not there to be recorded again', async () => {
  const gauge = await openGauge({
    places: { database: null, recordings: '/', workspaces: '/' },
    reserveBytes: null,
    everyMs: 3_600_000,
    measure: async () => [someDisk(RESERVE + GIB)],
  })
  onTestFinished(() => gauge.close())
  expect(gauge.hasRoomFor(GIB)).toBe(true)
  gauge.take(400)
  expect(gauge.hasRoomFor(GIB - 400)).toBe(true)
  expect(gauge.hasRoomFor(GIB - 399)).toBe(false)
})
