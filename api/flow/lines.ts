/** Lines of a stream of UTF-8 text, empty ones left out. A line may arrive in pieces. */
export async function* lines(
  stream: AsyncIterable<Uint8Array | string>,
  mostBytes = 1_048_576,
): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of stream) {
    rest += typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true })
    const whole = rest.split('\n')
    rest = whole.pop() ?? ''
    if (rest.length > mostBytes) throw new Error('A line of the stream is too long.')
    for (const line of whole) if (line.trim() !== '') yield line
  }
  if (rest.trim() !== '') yield rest
}
