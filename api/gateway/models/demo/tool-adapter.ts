import type { Conversation, Tool } from './conversation.ts'

export interface ToolCall {
  name: string
  input: Record<string, unknown>
}

/** What the demo can do with the tools that a client offers. Null where no offered tool can do it. */
export interface ToolAdapter {
  /** Where the page is written: an absolute path. */
  file: string
  write(content: string): ToolCall | null
  read(): ToolCall | null
  /** Replaces text that occurs once in the file. */
  edit(before: string, after: string): ToolCall | null
  run(command: string, why: string): ToolCall | null
}

const WRITE = /^(write|write_file|writefile|create_file|create|save_file)$/i
const READ = /^(read|read_file|readfile|view|open_file)$/i
const EDIT = /^(edit|edit_file|str_replace|replace|search_replace)$/i
const SHELL =
  /^(bash|shell|exec_command|execute_command|run_command|run_shell_command|container\.exec|terminal|exec|run)$/i

const PATH = ['filePath', 'file_path', 'path', 'filename', 'absolute_path', 'file']
const CONTENT = ['content', 'contents', 'text', 'file_text', 'data']
const BEFORE = ['oldString', 'old_string', 'old_str', 'search', 'before']
const AFTER = ['newString', 'new_string', 'new_str', 'replace', 'after']
const COMMAND = ['command', 'cmd', 'script', 'input']

const parameterOf = (tool: Tool, names: string[]) => names.find((name) => tool.parameters.has(name))

/** Matches the offered tools by the names that coding agents use (OpenCode, Codex, Gemini CLI, Claude Code and generic ones). */
export function adaptTools({ tools, system, turns }: Conversation): ToolAdapter {
  const file = `${workingDirectory(system, turns)}/index.html`
  const find = (name: RegExp, ...needs: string[][]) => {
    const tool = tools.find((each) => name.test(each.name) && needs.every((names) => parameterOf(each, names)))
    return tool ? { tool, names: needs.map((names) => parameterOf(tool, names) ?? '') } : null
  }
  const writer = find(WRITE, PATH, CONTENT)
  const reader = find(READ, PATH)
  const editor = find(EDIT, PATH, BEFORE, AFTER)
  const shell = find(SHELL, COMMAND)

  const run = (command: string, why: string): ToolCall | null => {
    const name = shell?.names[0]
    if (!shell || !name) return null
    const given = shell.tool.lists.has(name) ? ['bash', '-lc', command] : command
    return {
      name: shell.tool.name,
      input: { [name]: given, ...(shell.tool.parameters.has('description') ? { description: why } : {}) },
    }
  }
  const quoted = `'${file.replaceAll("'", `'\\''`)}'`

  return {
    file,
    run,
    write(content) {
      if (writer) {
        const [path = '', text = ''] = writer.names
        return { name: writer.tool.name, input: { [path]: file, [text]: content } }
      }
      return run(`cat > ${quoted} <<'BACKLOT_DEMO'\n${content}BACKLOT_DEMO\n`, 'Write the page')
    },
    read() {
      const [path = ''] = reader?.names ?? []
      return reader ? { name: reader.tool.name, input: { [path]: file } } : run(`cat ${quoted}`, 'Read the page')
    },
    edit(before, after) {
      if (!editor) return null
      const [path = '', from = '', to = ''] = editor.names
      return { name: editor.tool.name, input: { [path]: file, [from]: before, [to]: after } }
    },
  }
}

/** Agents say where they work, each in its own words; a sandbox's folder is /workspace. */
function workingDirectory(system: string, turns: Conversation['turns']): string {
  const said = [system, ...turns.flatMap((turn) => (turn.role === 'user' ? [turn.text] : []))].join('\n')
  const found = said.match(
    /(?:working directory|current directory|<cwd>)\s{0,9}:?\s{0,9}["'`]?(\/[\w./-]{0,1000})/i,
  )?.[1]
  return (found ?? '/workspace').replace(/\/$/, '')
}
