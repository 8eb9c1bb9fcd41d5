/** The sandbox's door, one instance of it: the only program that reads what sandboxes send. Configuration, starting, ending. */
import pino from 'pino'
import { gatewayConfig } from '../config.ts'
import { answerHeartbeats, endWith } from '../program.ts'
import { createOwnAddresses, dialAddress } from './egress/dial.ts'
import { createResolve } from './egress/resolve.ts'
import { startGateway } from './start.ts'

const { instance, silentMs, databaseUrl, paths, dns, disk, logLevel } = gatewayConfig()
const log = pino({ name: `gateway/${instance}`, level: logLevel })
const gateway = await startGateway({
  instance,
  silentMs,
  databaseUrl,
  paths,
  network: { resolve: createResolve(dns), dial: dialAddress, own: createOwnAddresses() },
  disk,
  log,
})
endWith(gateway.close, log)
answerHeartbeats()
