/** The pages that the demo builds. What can be changed later is in one place each: `--accent`, `<title>` and `<h1>`. */
export type PageKind = 'counter' | 'todo' | 'page'

const STYLE = `
    :root { --accent: #e09a1b; --ink: #1f2430; --paper: #faf7f1 }
    * { box-sizing: border-box }
    body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper); color: var(--ink); font: 17px/1.5 system-ui, sans-serif }
    main { width: min(92vw, 26rem); padding: 2.25rem; background: #fff; border-radius: 1.25rem; box-shadow: 0 1.25rem 3rem #1f243014; text-align: center }
    h1 { margin: 0 0 .25rem; font-size: 1.6rem; letter-spacing: -.02em }
    p { margin: 0 0 1.5rem; color: #667 }
    button { padding: .7rem 1.4rem; border: 0; border-radius: .75rem; background: var(--accent); color: #fff; font: inherit; font-weight: 600; cursor: pointer }
    button:focus-visible, input:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px }
    output { display: block; margin: 0 0 1.25rem; font-size: 4rem; font-weight: 700; font-variant-numeric: tabular-nums }
    form { display: flex; gap: .5rem }
    input { flex: 1; min-width: 0; padding: .7rem .9rem; border: 1px solid #d8d4ca; border-radius: .75rem; font: inherit }
    ul { margin: 1.25rem 0 0; padding: 0; list-style: none; text-align: left }
    li { padding: .6rem 0; border-top: 1px solid #eee9df; cursor: pointer }
    li.done { color: #99a; text-decoration: line-through }`

const BODIES: Record<PageKind, string> = {
  counter: `    <p>Press the button and watch it count.</p>
    <output id="count">0</output>
    <button id="add">Add one</button>
    <script>
      const count = document.querySelector('#count')
      document.querySelector('#add').addEventListener('click', () => { count.value = Number(count.value) + 1 })
    </script>`,
  todo: `    <p>Write down what is next. Click a line when it is done.</p>
    <form id="new"><input id="text" aria-label="What is next?" placeholder="What is next?" required><button>Add</button></form>
    <ul id="list"></ul>
    <script>
      const list = document.querySelector('#list'), text = document.querySelector('#text')
      document.querySelector('#new').addEventListener('submit', (event) => {
        event.preventDefault()
        const line = document.createElement('li')
        line.textContent = text.value
        line.addEventListener('click', () => line.classList.toggle('done'))
        list.append(line)
        text.value = ''
      })
    </script>`,
  page: `    <p>A first sketch to show to somebody this afternoon.</p>
    <button id="hello">Say hello</button>
    <script>
      document.querySelector('#hello').addEventListener('click', (event) => { event.target.textContent = 'Hello!' })
    </script>`,
}

const TITLES: Record<PageKind, string> = { counter: 'Counter', todo: 'To do', page: 'A first sketch' }
export const DESCRIPTIONS: Record<PageKind, string> = {
  counter: 'a counter with one button',
  todo: 'a small to-do list',
  page: 'a small page with one button',
}

export const kindOf = (asked: string): PageKind =>
  /to-?do|task|list|aufgaben/i.test(asked) ? 'todo' : /count|click|tally|zähl/i.test(asked) ? 'counter' : 'page'

/** @param title plain text; left out: one that fits the kind. */
export function pageOf(
  kind: PageKind,
  { title = TITLES[kind], accent }: { title?: string; accent?: string } = {},
): string {
  const named = escapeHtml(title)
  const style = accent ? STYLE.replace(/--accent: #[0-9a-f]{6}/, `--accent: ${accent}`) : STYLE
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${named}</title>
  <style>${style}
  </style>
</head>
<body>
  <main>
    <h1>${named}</h1>
${BODIES[kind]}
  </main>
</body>
</html>
`
}

export const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (each) => `&#${each.codePointAt(0)};`)

const COLOURS: Record<string, string> = {
  green: '#2e9e5b',
  blue: '#2f6fde',
  red: '#d2403a',
  purple: '#7a4fd0',
  pink: '#d6498f',
  orange: '#e0701b',
  yellow: '#c9a100',
  teal: '#158a8a',
  black: '#1f2430',
  grey: '#6b7280',
  gray: '#6b7280',
}
/** The first colour that a text names, as #rrggbb. */
export function colourIn(asked: string): { name: string; value: string } | null {
  const name = asked.toLowerCase().match(new RegExp(`\\b(${Object.keys(COLOURS).join('|')})\\b`))?.[1]
  const value = name && COLOURS[name]
  return name && value ? { name, value } : null
}

/** The new title that a text asks for: in quotes, or after `title to`, `call it`, `rename it to`. At most 60 characters. */
export function titleIn(written: string): string | null {
  // Command lines hand quotes on with a backslash before them.
  const asked = written.replace(/\\(["'])/g, '$1')
  const found =
    asked.match(/(?:title|heading|name|headline|call(?:ed)?|rename)[^"“”'\n]{0,30}["“']([^"“”'\n]{1,60})["”']/i)?.[1] ??
    asked.match(/(?:title|heading|headline|name)\s+(?:to|into|say)\s+([^"\n.,;]{1,60})/i)?.[1] ??
    asked.match(/(?:call|rename)\s+it\s+(?:to\s+)?([^"\n.,;]{1,60})/i)?.[1]
  return found?.replace(/\s+(?:and|und)\s.*$/i, '').trim() || null
}
