import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createKeyedQueue } from '../../../api/flow/keyed-queue.ts'

describe('a keyed queue', () => {
  test('runs the work of one key one after the other, in the order of asking', async () => {
    const queue = createKeyedQueue<string>()
    const order: string[] = []
    const running = { now: 0, most: 0 }
    const work = (name: string) => async () => {
      running.now += 1
      running.most = Math.max(running.most, running.now)
      await nextTurn()
      order.push(name)
      running.now -= 1
    }
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => queue.run('key', work(name))))
    expect([order, running.most]).toEqual([['a', 'b', 'c', 'd'], 1])
  })

  test('runs different keys beside each other', async () => {
    const queue = createKeyedQueue<number>()
    const first = Promise.withResolvers<string>()
    const blocked = queue.run(1, () => first.promise)
    expect(await queue.run(2, async () => 'other')).toBe('other')
    first.resolve('first')
    expect(await blocked).toBe('first')
  })

  test('work that fails rejects for its caller and stops nobody', async () => {
    const queue = createKeyedQueue<string>()
    const failed = queue.run('key', () => Promise.reject(new Error('no')))
    const after = queue.run('key', async () => 'went on')
    await expect(failed).rejects.toThrow('no')
    expect(await after).toBe('went on')
  })

  test('knows what is busy, and when all of it has ended', async () => {
    const queue = createKeyedQueue<string>()
    const first = Promise.withResolvers<void>()
    void queue.run('key', () => first.promise)
    expect([queue.isBusy('key'), queue.isBusy('other')]).toEqual([true, false])
    const idle = queue.idle().then(() => 'idle')
    first.resolve()
    expect(await idle).toBe('idle')
    expect(queue.isBusy('key')).toBe(false)
  })
})
