import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { CannotStart } from './prepare/steps.mjs'

/** The limit of store/connections.ts; by default one for each core, since a gateway is a thread. */
const MOST_GATEWAYS = 8
const USUAL_GATEWAYS = 4

export const HELP = `Backlot: prototypes by coding agents, in sandboxes that security can trust.

  npm start                        makes this machine ready, starts Backlot, prints a sign-in link
  npm start -- --port 4700         options go after --
  npm run dev                      the same for whoever changes Backlot: pages and programs follow their sources

  --port <number>    where people reach it (default 4600; 0 picks a free one)
  --host <address>   the address to listen on (default 127.0.0.1)
  --trusted-proxy <networks>
                     proxies in front, as 10.0.0.7 or 10.0.0.0/24, with commas between: the X-Forwarded-For of these, and
                     of nobody else, says who asks (default: none)
  --gateways <number>
                     processes that serve sandboxes, 1 to 8 (default: one for each core, at most 4)
  --json             one line on standard output, {"url":…,"signInToken":…,"warnings":[…]}; everything else on standard error
  --no-install       installs nothing on this machine but npm packages
  --help             this text

  BACKLOT_HOME       state folder (default .backlot)
  DATABASE_URL       a PostgreSQL for this Backlot alone, as a role that owns the database and may create roles;
                     where it has the extension pg_trgm, a text is found quickly in a long log too
  DOCKER_HOST        a Docker engine that is not in one of the usual places
  BACKLOT_POLICIES   the folder of policies (default: policies)
  BACKLOT_URL        the origin that people type, when a TLS proxy stands in front
  BACKLOT_PORT, BACKLOT_HOST, BACKLOT_TRUSTED_PROXY, BACKLOT_GATEWAYS
                     the same as --port, --host, --trusted-proxy, --gateways
  BACKLOT_DISK_RESERVE   what of the disk is kept for people's events, as 4GiB (default: 5 %, from 2 to 10 GiB);
                     at most a quarter of it
  BACKLOT_RECORDINGS_PERSON, BACKLOT_RECORDINGS_ALL
                     what recordings of terminals may take (default: a quarter of the disk for all, and of that
                     5GiB a person, at most half)
  BACKLOT_RECORDINGS_DAYS  how long they stay after their prototype was deleted (default 90)
  BACKLOT_EXTRA_CA   a PEM file of authorities to trust besides the usual ones (also NODE_EXTRA_CA_CERTS)
`

/**
 * @param {string[]} argv
 * @returns {{ port: number, host: string, trustedProxy: string, gateways: number, json: boolean, mayInstall: boolean, dev: boolean, help: boolean }}
 */
export function readOptions(argv) {
  const read = () => {
    try {
      return parseArgs({
        args: argv,
        options: {
          port: { type: 'string', default: process.env.BACKLOT_PORT ?? '4600' },
          host: { type: 'string', default: process.env.BACKLOT_HOST ?? '127.0.0.1' },
          'trusted-proxy': { type: 'string', default: process.env.BACKLOT_TRUSTED_PROXY ?? '' },
          gateways: { type: 'string', default: process.env.BACKLOT_GATEWAYS ?? String(usualGateways()) },
          json: { type: 'boolean', default: false },
          'no-install': { type: 'boolean', default: false },
          dev: { type: 'boolean', default: false },
          help: { type: 'boolean', default: false },
        },
      }).values
    } catch (error) {
      throw new CannotStart(`${error instanceof Error ? error.message : error}\nSee: npm start -- --help`)
    }
  }
  const values = read()
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new CannotStart(`--port takes a number from 0 to 65535, not "${values.port}".`)
  const host = values.host ?? '127.0.0.1'
  const trustedProxy = values['trusted-proxy'] ?? ''
  for (const one of trustedProxy.split(',').map((each) => each.trim()))
    if (one !== '' && !isNetwork(one))
      throw new CannotStart(`--trusted-proxy takes addresses and networks, as 10.0.0.7,10.1.0.0/24, not "${one}".`)
  const gateways = Number(values.gateways)
  if (!Number.isInteger(gateways) || gateways < 1 || gateways > MOST_GATEWAYS)
    throw new CannotStart(`--gateways takes a number from 1 to ${MOST_GATEWAYS}, not "${values.gateways}".`)
  const dev = values.dev === true
  // Vite answers with source code, and to nobody signed in.
  if (dev && !['127.0.0.1', 'localhost', '::1'].includes(host))
    throw new CannotStart(
      `npm run dev listens on this machine only, not on ${host}. For others: npm start -- --host ${host}`,
    )
  return {
    port,
    host,
    trustedProxy,
    gateways,
    dev,
    json: values.json === true,
    mayInstall: values['no-install'] !== true,
    help: values.help === true,
  }
}

const usualGateways = () => Math.min(availableParallelism(), USUAL_GATEWAYS)

/**
 * An address, or a network that does not cover every address.
 *
 * @param {string} text
 */
function isNetwork(text) {
  const [address = '', bits, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}
