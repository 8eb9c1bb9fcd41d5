const UNITS: Record<string, number> = { MiB: 1_048_576, GiB: 1_073_741_824 }

/** `2GiB` → bytes. The text is what contract/policy.ts `size` accepts. */
export function bytesOf(size: string): number {
  const unit = UNITS[size.slice(-3)]
  const count = Number(size.slice(0, -3))
  if (unit === undefined || !Number.isSafeInteger(count)) throw new Error(`not a size: ${size}`)
  return count * unit
}
