import { expect, test } from 'vitest'
import { type Episode, nextEpisode } from '../../../api/server/audit/lag.ts'

/** What is seen at one look after another, and what the log says about each. */
const courses: Array<[what: string, looks: number[], said: Array<string | null>]> = [
  ['a second or five are nothing', [0, 1_000, 5_000, 0], [null, null, null, null]],
  [
    'more than five are said once, and the end once',
    [4_000, 5_001, 9_000, 500, 0],
    [null, 'behind', null, 'caught-up', null],
  ],
  ['going to and fro around five is one episode', [6_000, 4_000, 6_000, 1_000], ['behind', null, null, null]],
  ['the next episode is said again', [6_000, 0, 6_000, 0], ['behind', 'caught-up', 'behind', 'caught-up']],
]
test.each(courses)('%s', (_what, looks, said) => {
  let episode: Episode = null
  const says = looks.map((behindMs) => {
    const next = nextEpisode(episode, { waiting: 1, behindMs })
    episode = next.says === 'caught-up' ? null : next.episode
    return next.says
  })
  expect(says).toEqual(said)
})

test('an episode remembers how far behind it was at most', () => {
  const begun = nextEpisode(null, { waiting: 1, behindMs: 6_000 })
  const worse = nextEpisode(begun.episode, { waiting: 1, behindMs: 60_000 })
  expect(nextEpisode(worse.episode, { waiting: 0, behindMs: 0 })).toEqual({
    episode: { longestMs: 60_000 },
    says: 'caught-up',
  })
})
