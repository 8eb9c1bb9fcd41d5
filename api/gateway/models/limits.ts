/** What one sandbox may ask of models at most. It can only starve itself. */
export interface ModelLimits {
  /** Largest request. */
  bodyBytes: number
  /** Requests being read or answered at one time, and how much of their text is held, what has come of unfinished ones included. */
  calls: number
  heldBytes: number
  /**
   * Requests at once, and how many more each second. Each half MiB of a body counts as one more, and so do each 2 000 values
   * in it: reading them takes time of the thread that all sandboxes share.
   */
  burst: number
  perSecond: number
  bodyTimeoutMs: number
  /** How long a request beyond the rate waits for its refusal, while its client does. */
  refusalWaitMs: number
}
export const USUAL_LIMITS: ModelLimits = {
  bodyBytes: 32 * 1_048_576,
  calls: 16,
  heldBytes: 64 * 1_048_576,
  burst: 600,
  perSecond: 20,
  bodyTimeoutMs: 120_000,
  refusalWaitMs: 1_000,
}
