/** The sandbox's door: the only program that reads what sandboxes send. Configuration, starting, ending. */
import pino from 'pino'
import { gatewayConfig } from '../config.ts'
import { endWith } from '../program.ts'
import { createOwnAddresses, dialAddress } from './egress/dial.ts'
import { createResolve } from './egress/resolve.ts'
import { startGateway } from './start.ts'

const { databaseUrl, paths, dns, disk, logLevel } = gatewayConfig()
const log = pino({ name: 'gateway', level: logLevel })
const gateway = await startGateway({
  databaseUrl,
  paths,
  network: { resolve: createResolve(dns), dial: dialAddress, own: createOwnAddresses() },
  disk,
  log,
})
endWith(gateway.close, log)
