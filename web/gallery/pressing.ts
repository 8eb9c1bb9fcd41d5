const NAMED = 'button, a, label, [role="tab"], [role="menuitem"], summary'
const AGAIN_MS = 30

const nameOf = (element: HTMLElement) => element.getAttribute('aria-label') ?? element.textContent.trim()

const find = (name: string) =>
  [...document.querySelectorAll<HTMLElement>(NAMED)].find((element) => nameOf(element) === name) ?? null

const appeared = (name: string) =>
  new Promise<HTMLElement>((resolve) => {
    const look = () => {
      const element = find(name)
      if (element) resolve(element)
      else window.setTimeout(look, AGAIN_MS)
    }
    look()
  })

/** Presses each as soon as it is there. */
export const pressAll = async (names: readonly string[]): Promise<void> => {
  for (const name of names) (await appeared(name)).click()
}
