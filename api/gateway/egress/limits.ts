/** What one sandbox may take of the gateway. Times in ms. */
export interface EgressLimits {
  /** Client connections at once; and requests and tunnels under way, which may outlive their client. */
  connections: number
  /** Request line and header fields of one request together; beyond it 431. */
  headerBytes: number
  /** From the first moment of a connection to the end of its first request's header. */
  headerMs: number
  /** Between two requests of one connection. */
  keepAliveMs: number
  /** Without a byte in either direction. An agent may wait long for an answer. */
  idleMs: number
  /** The longest that one request or tunnel may last. */
  absoluteMs: number
  /** Requests and tunnels a second, over time and at once; faster ones wait, they are not refused. */
  requestsPerSecond: number
  requestBurst: number
  /** Refusals a second, over time and at once; one beyond it is held back, at most so long. */
  refusalsPerSecond: number
  refusalBurst: number
  refusalPauseMs: number
  /** The longest that a request waits for its turn. Those that wait at once come to less. */
  requestPauseMs: number
  /** The longest ClientHello, and how long a client may take to send it. Real ones stay under 4 kB. */
  helloBytes: number
  helloMs: number
  /** Names that are looked up at once, and how long a request waits for its answer. */
  lookups: number
  lookupMs: number
  /** For all addresses of a host together. */
  dialMs: number
}

export const DEFAULT_LIMITS: EgressLimits = {
  connections: 256,
  headerBytes: 32 * 1024,
  headerMs: 15_000,
  keepAliveMs: 75_000,
  idleMs: 60 * 60_000,
  absoluteMs: 24 * 60 * 60_000,
  requestsPerSecond: 2000,
  requestBurst: 4000,
  refusalsPerSecond: 100,
  refusalBurst: 1000,
  refusalPauseMs: 5000,
  requestPauseMs: 5000,
  helloBytes: 32 * 1024,
  helloMs: 10_000,
  lookups: 8,
  lookupMs: 5000,
  dialMs: 10_000,
}
