import type { Conversation, Turn } from './conversation.ts'
import { colourIn, DESCRIPTIONS, escapeHtml, kindOf, pageOf, titleIn } from './page.ts'
import { adaptTools, type ToolAdapter, type ToolCall } from './tool-adapter.ts'

export interface Reply {
  text: string
  call: ToolCall | null
}
const say = (text: string): Reply => ({ text, call: null })
const act = (text: string, call: ToolCall): Reply => ({ text, call })

/** Said in every conversation before anything else: nobody may take this for a model. */
export const LABEL = 'Demo model: scripted, no real model.'
const HELP = `${LABEL} I can play four things: “build a counter” (or a to-do list, or a page), “make the button green”, “change the title to Lunch vote”, and “fetch https://example.com”, which your policy will probably refuse. For real work ask your admin to enter a model under Models.`
const CANNOT = `${LABEL} I need a tool that writes files or runs commands, and this client offers none.`

/** A tool that cannot be used here must not be tried for ever. */
const MAX_STEPS = 8
/** Words that the platform's own refusals carry; see the gateway's 403 texts. */
const DENIAL = /backlot/i
const REFUSED = /refus|not allowed|denied|x-backlot-reason|\b403\b/i
const FAILED = /\berror\b|failed|must read|not found|no such file|cannot/i

/** The next thing that the demo says or does: a pure function of the conversation, so the same session always plays the same. */
export function nextReply(conversation: Conversation): Reply {
  const { turns, tools, system } = conversation
  const start = turns.findLastIndex((turn) => turn.role === 'user' && !isReminder(turn.text))
  const asked = turns[start]
  const text = asked && 'text' in asked ? withoutReminders(asked.text) : ''
  if (tools.length === 0) return say(aside(system, text))
  const steps = turns.slice(start + 1)
  const results = steps.flatMap((turn) => (turn.role === 'result' ? [turn.text] : []))
  const last = results.at(-1) ?? null
  const adapter = adaptTools(conversation)
  const denial = last !== null && DENIAL.test(last) && REFUSED.test(last) ? last : null
  if (denial) return say(explain(denial))
  if (results.length >= MAX_STEPS)
    return say(
      `${LABEL} That did not work, and a script cannot find out why. The last answer was: ${excerpt(last ?? '')}`,
    )

  const url = text.match(/https?:\/\/[^\s"'<>`)]{1,2000}/)?.[0]
  const wantsFetch = url !== undefined || /\b(fetch|download|curl|browse)\b/i.test(text)
  const wantsBuild = /\b(build|create|write|generate|make me|start|baue|erstelle)\b/i.test(text)
  const change = { colour: colourIn(text), title: titleIn(text) }
  const wantsChange =
    /\b(make|change|set|turn|rename|call|update|colou?r|title)\b/i.test(text) && (change.colour ?? change.title)
  if (wantsFetch) return playFetch(adapter, url ?? 'https://example.com', last)
  if (wantsBuild && !(wantsChange && hasBuilt(turns.slice(0, start)))) return playBuild(adapter, text, steps, last)
  if (wantsChange) return playChange(adapter, change, steps, last)
  return say(/denied|refused|blocked|403/i.test(text) ? explain(text) : HELP)
}

function playBuild(adapter: ToolAdapter, asked: string, steps: Turn[], last: string | null): Reply {
  const kind = kindOf(asked)
  const title = titleIn(asked)
  const colour = colourIn(asked)
  const page = pageOf(kind, { ...(title ? { title } : {}), ...(colour ? { accent: colour.value } : {}) })
  const write = adapter.write(page)
  if (!write) return say(CANNOT)
  if (last === null) return act(`${LABEL} I will write ${DESCRIPTIONS[kind]} to ${adapter.file}.`, write)
  const lastCall = steps.findLast((turn) => turn.role === 'call')
  const wrote = lastCall?.role === 'call' && lastCall.name === write.name
  // OpenCode and Claude Code do not overwrite a file that was not read first.
  const read = adapter.read()
  if (wrote && FAILED.test(last) && read && read.name !== write.name)
    return act('The file is already there. I read it first.', read)
  if (!wrote) return act('Now I write it anew.', write)
  return say(
    `${LABEL} I wrote ${DESCRIPTIONS[kind]} to ${adapter.file}: one file, nothing to install. Backlot cannot show pages yet; \`cat ${adapter.file}\` prints it. Then try “make the button green” or “change the title to Lunch vote”.`,
  )
}

interface Change {
  colour: ReturnType<typeof colourIn>
  title: string | null
}

function playChange(adapter: ToolAdapter, { colour, title }: Change, steps: Turn[], last: string | null): Reply {
  const read = adapter.read()
  if (!read) return say(CANNOT)
  if (last === null) return act(`${LABEL} I look at the page first.`, read)
  const reading = steps.find((turn) => turn.role === 'result')
  const page = reading?.role === 'result' ? reading.text : ''
  const accent = page.match(/--accent: #[0-9a-f]{6}/)?.[0]
  if (!accent)
    return say(`${LABEL} There is no page of mine at ${adapter.file} yet. Ask me to “build a counter” first.`)

  const named = title ? escapeHtml(title) : null
  const edits: [string, string][] = []
  if (colour) edits.push([accent, `--accent: ${colour.value}`])
  for (const tag of ['title', 'h1']) {
    const before = named && page.match(new RegExp(`<${tag}>.{0,500}?</${tag}>`))?.[0]
    if (before) edits.push([before, `<${tag}>${named}</${tag}>`])
  }
  const open = edits.filter(([before, after]) => before !== after)
  const made = steps.filter((turn) => turn.role === 'result').length - 1
  const next = open[made]
  const inOneGo = adapter.edit('', '') === null
  if (next && !(inOneGo && made > 0)) {
    const call = inOneGo ? adapter.run(sed(open, adapter.file), 'Change the page') : adapter.edit(...next)
    if (call) return act('', call)
    return say(CANNOT)
  }
  const what = [colour ? `the colour is ${colour.name} now` : null, title ? `the title is “${title}”` : null]
  return say(`${LABEL} Done: ${what.filter((each) => each !== null).join(' and ')}. Reload the page to see it.`)
}

/** One sed command for every change; `|` is the border, so it is escaped with everything else that sed reads. */
function sed(edits: [string, string][], file: string): string {
  const from = (text: string) => text.replace(/[\\|.*^$[\]]/g, '\\$&')
  const to = (text: string) => text.replace(/[\\|&]/g, '\\$&')
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
  return `sed -i ${edits.map(([a, b]) => `-e ${quote(`s|${from(a)}|${to(b)}|`)}`).join(' ')} ${quote(file)}`
}

function playFetch(adapter: ToolAdapter, url: string, last: string | null): Reply {
  const fetch = adapter.run(
    `curl -sS -i --max-time 20 '${url.replaceAll("'", '%27')}' | head -c 2000`,
    'Fetch the address',
  )
  if (!fetch) return say(CANNOT)
  if (last === null) return act(`${LABEL} I try to fetch ${url}.`, fetch)
  return say(`${LABEL} ${url} answered: ${excerpt(last)}`)
}

const explain = (denial: string) =>
  `${LABEL} Backlot refused this: the sandbox reaches only what its policy allows, and this is not on the list. Nothing was sent, and the attempt is in the security log. If the prototype needs it, ask your admin to allow that one address, or work with data inside /workspace. What it said: ${excerpt(denial)}`

/** Calls without tools are an agent's asides: a title for the session, a summary. */
function aside(system: string, asked: string): string {
  const words = asked.replace(/\s+/g, ' ').trim().split(' ').slice(0, 6).join(' ').slice(0, 50)
  if (/title/i.test(system) || /title/i.test(asked.slice(0, 300))) return `Demo: ${words || 'a small page'}`
  return /summar/i.test(system) ? `${LABEL} A short session with the demo: ${words}.` : HELP
}

const hasBuilt = (turns: Turn[]) => turns.some((turn) => turn.role === 'call')
/** Takes out what agents add to a person's words. Searched for by hand: a lazy expression would take time by the square of unclosed ones. */
function withoutReminders(text: string): string {
  const unclosed = new Set<string>()
  let kept = ''
  let from = 0
  for (const { 1: tag = '', index } of text.matchAll(/<(system-reminder|environment_context|user_instructions)>/g)) {
    if (index < from || unclosed.has(tag)) continue
    const end = text.indexOf(`</${tag}>`, index)
    if (end === -1) unclosed.add(tag)
    else {
      kept += text.slice(from, index)
      from = end + tag.length + 3
    }
  }
  return (kept + text.slice(from)).trim()
}
const isReminder = (text: string) => withoutReminders(text) === ''
const excerpt = (text: string) => text.replace(/\s+/g, ' ').trim().slice(0, 300)
