/** Finds secrets in command lines where only the program's name says that an option holds one: `curl -u`, but not `sort -u`. Pure. */

interface SecretOptions {
  /** The next argument is a secret. */
  next: RegExp | null
  /** What of an argument stands in front of a secret. */
  attached: RegExp | null
}

const MYSQL: SecretOptions = { next: null, attached: /^-p(?=.)/ }
const MONGO: SecretOptions = { next: /^-p$/, attached: /^-p(?=.)/ }
const PROGRAMS: ReadonlyMap<string, SecretOptions> = new Map([
  [
    'curl',
    {
      next: /^(?:-[A-Za-z0-9#]{0,40}[uU]|--(?:proxy-)?user|--(?:proxy-)?pass|--oauth2-bearer)$/,
      // Letters that take no value of their own may stand in front: `-sSume:secret`.
      attached: /^(?:-[sSkLfivIgN#]{0,40}[uU]|--(?:proxy-)?(?:user|pass)=|--oauth2-bearer=)(?=.)/,
    },
  ],
  ...['mysql', 'mysqldump', 'mysqladmin', 'mysqlimport', 'mariadb', 'mariadb-dump', 'mariadb-admin'].map(
    (name) => [name, MYSQL] as const,
  ),
  ...['mongo', 'mongosh', 'mongodump', 'mongorestore'].map((name) => [name, MONGO] as const),
  ['sshpass', MONGO],
  ['redis-cli', { next: /^(?:-a|--pass)$/, attached: null }],
])

const programOf = (word: string) => PROGRAMS.get(word.slice(word.lastIndexOf('/') + 1))

/** Where in the arguments of one command secrets begin: the argument's place, and how much of it may be shown. */
export function secretArguments(argv: readonly string[]): Map<number, number> {
  const found = new Map<number, number>()
  let options: SecretOptions | undefined
  for (const [index, word] of argv.entries()) {
    if (found.has(index)) continue
    options = programOf(word) ?? options
    if (options?.next?.test(word) && index + 1 < argv.length) found.set(index + 1, 0)
    const shown = options?.attached?.exec(word)?.[0].length
    if (shown !== undefined && !options?.next?.test(word)) found.set(index, shown)
  }
  return found
}

const WORD = /[^\s;|&()`]+/g
/** One argument as a shell reads it; of an unfinished quotation, what there is. */
const ARGUMENT = /(?:"[^"]*"|'[^']*'|[^\s;|&()`"'])+|["'][^\s;|&()`]*/y
const SPACE = /(?:\s|\\\n)+/y
const NEXT_COMMAND = /[;|&()`]|(?<!\\)\n/

/** The same in a text that holds commands, such as what a shell is given. Linear in its length. */
export function maskCommands(text: string): string {
  let masked = ''
  let copied = 0
  let read = 0
  let options: SecretOptions | undefined
  WORD.lastIndex = 0
  for (let word = WORD.exec(text); word !== null; word = WORD.exec(text)) {
    if (NEXT_COMMAND.test(text.slice(Math.max(0, read - 1), word.index))) options = undefined
    const start = word.index + (/^["']*/.exec(word[0])?.[0].length ?? 0)
    read = word.index + word[0].length
    const bare = text.slice(start, read).replace(/["']+$/, '')
    options = programOf(bare) ?? options
    if (!options) continue
    const isOption = options.next?.test(bare) ?? false
    const shown = isOption ? null : options.attached?.exec(bare)?.[0].length
    const from = isOption ? endOf(SPACE, text, read) : shown ? start + shown : null
    if (from === null) continue
    const end = endOf(ARGUMENT, text, from)
    if (end === null) continue
    masked += `${text.slice(copied, from)}[masked]`
    copied = end
    read = end
    WORD.lastIndex = end
  }
  return masked + text.slice(copied)
}

function endOf(sticky: RegExp, text: string, from: number): number | null {
  sticky.lastIndex = from
  return sticky.test(text) ? sticky.lastIndex : null
}
