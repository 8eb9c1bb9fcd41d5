/**
 * A document for xterm.js whose `<style>` elements become constructed style sheets. xterm.js writes its colours and
 * sizes into style elements, which `style-src 'self'` forbids; a constructed sheet is script's own and is allowed.
 */
export const documentWithSheets = (): Document => {
  const styleElement = () => {
    const element = document.createElement('style')
    const sheet = new CSSStyleSheet()
    document.adoptedStyleSheets.push(sheet)
    Object.defineProperty(element, 'textContent', {
      get: () => '',
      set: (text: string) => sheet.replaceSync(text),
    })
    element.remove = () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet)
      Element.prototype.remove.call(element)
    }
    return element
  }
  return new Proxy(document, {
    get: (target, property) => {
      if (property === 'createElement') {
        return (name: string, options?: ElementCreationOptions) =>
          name === 'style' ? styleElement() : target.createElement(name, options)
      }
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
