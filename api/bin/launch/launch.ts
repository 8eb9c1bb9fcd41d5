/**
 * The second half of `npm start`, on Node 26: database, runner, sandbox image, gateways, server, as children that are
 * started again when they die. Started by start.mjs, which has made the machine ready.
 */
import { readLaunch } from './environment.ts'
import { runPlatform } from './platform.ts'

await runPlatform(readLaunch(process.env))
