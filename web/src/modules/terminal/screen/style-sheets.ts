/** Takes the place of a `<style>` element: what is written into it goes into a constructed style sheet. */
const standIn = (create: Document['createElement']): HTMLElement => {
  const element = create.call(document, 'template')
  const sheet = new CSSStyleSheet()
  document.adoptedStyleSheets.push(sheet)
  Object.defineProperty(element, 'textContent', { get: () => '', set: (text: string) => sheet.replaceSync(text) })
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet)
    Element.prototype.remove.call(element)
  }
  return element
}

/**
 * Runs `open` while `<style>` elements are stand-ins. xterm.js makes three when it opens and keeps them; `style-src
 * 'self'` forbids them, even empty, and allows constructed sheets. Its `documentOverride` option would be the way, but
 * xterm.js 6.0.0 asks `window.document` for the first of them all the same.
 */
export const withStyleSheets = (open: () => void): void => {
  const create = document.createElement
  Object.defineProperty(document, 'createElement', {
    configurable: true,
    value: (name: string, options?: ElementCreationOptions) =>
      name === 'style' ? standIn(create) : create.call(document, name, options),
  })
  try {
    open()
  } finally {
    Reflect.deleteProperty(document, 'createElement')
  }
}
