/** WCAG 2.2, success criterion 1.4.11: what shows the focus stands out from what it lies on by 3:1. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..')
const tokens = readFileSync(join(root, 'web/src/app/tokens.css'), 'utf8')

/** The colours that a block of tokens.css sets. */
const coloursIn = (selector: string): Map<string, string> => {
  const start = tokens.indexOf(`${selector} {`)
  const block = tokens.slice(start, tokens.indexOf('}', start))
  return new Map([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name = '', value = '']) => [name, value]))
}

/** Relative luminance, as WCAG defines it. */
const luminance = (colour: string): number => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
const contrast = (one: string, other: string): number => {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

const schemes = ['light', 'dark'].map((scheme) => [scheme, `:root[data-mantine-color-scheme="${scheme}"]`] as const)
const surfaces = ['paper', 'raised', 'sunk', 'marigold-wash']

test.each(schemes.flatMap(([scheme, selector]) => surfaces.map((surface) => [scheme, surface, selector] as const)))(
  'the focus ring is seen in the %s scheme on %s',
  (_scheme, surface, selector) => {
    const colours = coloursIn(selector)
    expect(contrast(colours.get('focus') ?? '', colours.get(surface) ?? '')).toBeGreaterThanOrEqual(3)
  },
)

test('the focus ring is seen on the stage of the terminal', () => {
  const colours = coloursIn(':root')
  expect(contrast(colours.get('stage-focus') ?? '', colours.get('stage') ?? '')).toBeGreaterThanOrEqual(3)
})

test('every focus ring has the colour that was measured', () => {
  for (const file of ['app/base.css', 'pages/prototypes/Prototypes.module.css']) {
    const css = readFileSync(join(root, 'web/src', file), 'utf8')
    expect(css.match(/outline: 2px solid [^;]+;/g)).toEqual(['outline: 2px solid var(--focus);'])
  }
})
