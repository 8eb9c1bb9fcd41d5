import { describe, expect, test } from 'vitest'
import { plainTitle, webTarget } from '../../web/src/modules/terminal/screen/printed.ts'

describe('a link that was printed', () => {
  test.each([
    ['https://example.com/a?b=c', 'https://example.com/a?b=c'],
    ['HTTP://EXAMPLE.com', 'http://example.com/'],
    ['https://exаmple.com/', 'https://xn--exmple-4nf.com/'],
    ['javascript:alert(1)', null],
    [' java\tscript:alert(1)', null],
    ['file:///etc/passwd', null],
    ['data:text/html,<script>1</script>', null],
    ['https://bank.example@evil.example/', null],
    ['//evil.example', null],
    ['', null],
  ])('%j leads to %j', (printed, target) => {
    expect(webTarget(printed)).toBe(target)
  })
})

describe('a title that a program sets', () => {
  test.each([
    ['vim notes.md', 'vim notes.md'],
    ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
    ['a\u202Egpj.exe', 'agpj.exe'],
    ['two\nlines\u0007', 'twolines'],
    ['zero\u200Bwidth', 'zerowidth'],
    ['x'.repeat(1_000_000), 'x'.repeat(80)],
  ])('%.40j is shown as plain text', (set, shown) => {
    expect(plainTitle(set)).toBe(shown)
  })
})
