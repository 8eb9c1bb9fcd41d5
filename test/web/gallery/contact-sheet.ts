import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Look } from './look.ts'

const escaped = (text: string) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`)

/** One page with every picture, so that a reviewer sees all of them in a minute. */
export function writeContactSheet(folder: string, looks: readonly Look[]): void {
  const ids = [...new Set(looks.map(({ id }) => id))]
  const rows = ids.map((id) => {
    const own = looks.filter((look) => look.id === id).toSorted((a, b) => b.width - a.width)
    const pictures = own.flatMap((look) => look.pictures)
    const notes = own.flatMap(({ problems, findings }) => [
      ...problems,
      ...findings.map(({ rule, impact, where }) => `${impact}: ${rule} (${where})`),
    ])
    return `<section><h2>${escaped(id)}</h2>
<p>${pictures.map((name) => `<a href="${name}"><img loading="lazy" src="${name}" alt="${escaped(name)}"></a>`).join('')}</p>
${[...new Set(notes)].map((note) => `<pre>${escaped(note)}</pre>`).join('')}</section>`
  })
  const style =
    'body{font:14px sans-serif;background:#888}h2{font-size:14px;margin:12px 0 4px}p{margin:0}img{height:240px;margin-right:6px}pre{margin:2px;white-space:pre-wrap}'
  writeFileSync(
    join(folder, 'index.html'),
    `<!doctype html><meta charset="utf-8"><title>Backlot: ${ids.length} states</title><style>${style}</style>${rows.join('\n')}`,
  )
}
