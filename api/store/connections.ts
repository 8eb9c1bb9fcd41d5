/** How many connections to PostgreSQL each program may have at once. Their sum has to fit, whatever happens. */

/** Of a pool (connect.ts). So that a stop waits for no other request, it has `stops`, and `nodes` to look up who serves whom. */
export const POOL = { server: 16, stops: 4, nodes: 2, gateway: 4 } as const
/** Beside the pool: the log's writer and who listens; in the server also the sequencer. */
export const CONNECTIONS = { server: POOL.server + POOL.stops + POOL.nodes + 3, gateway: POOL.gateway + 2 } as const
/** Commands of the CLI, migrations, and what a program that was killed has not given back yet. */
const SPARE = 20

/** One gateway is a thread, and a thread is a core. */
export const MAX_GATEWAYS = 8
/** Of `max_connections`, for superusers (superuser_reserved_connections). */
const RESERVED = 3
/** Of the built-in database. */
export const MAX_CONNECTIONS = 100
export const connectionsOf = (gateways: number) => CONNECTIONS.server + gateways * CONNECTIONS.gateway + SPARE

/** What to do when PostgreSQL could run out of connections; null: it has enough for that many gateways. */
export function tooFewConnections(max: number, gateways: number): string | null {
  const needed = connectionsOf(gateways) + RESERVED
  if (max >= needed) return null
  return `The PostgreSQL of DATABASE_URL takes ${max} connections, and ${gateways} gateways with the rest may need ${needed}: what gets none is denied. Raise its max_connections, or start with fewer --gateways.`
}
