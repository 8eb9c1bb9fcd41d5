import { type Answer, fails, json, offline, type State, type States } from '../../../gallery/state.ts'
import { TerminalView } from './TerminalView.tsx'

const OPENED = { type: 'ready', offset: 0, cols: 80, rows: 24 }
const nothing = () => {}

const terminal = (ticket: Answer, said: State['terminal'], shows: string): State => ({
  answers: { 'POST /sandboxes/sb_aaaaaaaaaaaaaaaa/terminals/main/ticket': ticket },
  terminal: said ?? [],
  shows,
  show: () => (
    <div style={{ display: 'flex', flexDirection: 'column', height: 420 }}>
      <TerminalView
        sandbox="sb_aaaaaaaaaaaaaaaa"
        name="main"
        replayUntil={0}
        readAloud={false}
        onTitle={nothing}
        onFullScreen={nothing}
        onLeave={nothing}
        onEnded={nothing}
      />
    </div>
  ),
})
const once = json({ ticket: 'once' })
const colours = Array.from({ length: 6 }, (_, at) => `\u001b[${at + 31}m colour ${at + 1} `).join('')

export const states: States = {
  connecting: terminal(once, [], 'Connecting…'),
  open: terminal(
    once,
    [OPENED, `$ ls\r\nindex.html  \u001b[1;34msrc\u001b[0m\r\n${colours}\u001b[0m\r\n$ `],
    'Terminal main',
  ),
  full: terminal(once, [OPENED, 'a line that is longer than the screen is wide; '.repeat(60)], 'Terminal main'),
  bidi: terminal(once, [OPENED, 'שלום 123 مرحبا — e\u0301 — 👩‍💻\r\n$ '], 'Terminal main'),
  ended: terminal(once, [OPENED, '$ exit\r\n', { type: 'exit', exitCode: 0 }], 'This terminal has ended.'),
  refused: terminal(fails('not_found', 'There is no such terminal.'), [], 'There is no such terminal.'),
  offline: terminal(offline, [], 'Backlot cannot be reached.'),
}
