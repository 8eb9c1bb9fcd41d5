import { afterEach } from 'vitest'

interface Closing {
  close(): Promise<void>
}

/** Call it once in a test file. What is given to the function that it returns is closed after each test, the last one first. */
export function keptForOneTest() {
  const opened: Closing[] = []
  afterEach(async () => {
    for (const it of opened.splice(0).reverse()) await it.close()
  })
  return <T extends Closing>(it: T): T => {
    opened.push(it)
    return it
  }
}
