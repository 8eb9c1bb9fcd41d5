import type { DataLabel, SandboxState, SandboxView } from '../../../../api/contract/prototypes.ts'
import type { Tone } from '../../components/Tag.tsx'

interface Words {
  short: string
  tone: Tone
  /** What it means and what to do, in one sentence. */
  long: string
}

/** What a state means to the person who owns the prototype. */
export const stateWords: Record<SandboxState, Words> = {
  building: {
    short: 'Preparing',
    tone: 'marigold',
    long: 'The tools are being put in place. The first time takes a few minutes.',
  },
  starting: { short: 'Starting', tone: 'marigold', long: 'Your workspace is starting.' },
  proving: { short: 'Checking', tone: 'marigold', long: 'Checking that nothing can leave that should not.' },
  ready: { short: 'Ready', tone: 'good', long: 'Ready to work in.' },
  claimed: { short: 'Ready', tone: 'good', long: 'Ready to work in.' },
  paused: { short: 'Asleep', tone: 'plain', long: 'Nobody used it for a while. It is as you left it.' },
  stopped: { short: 'Stopped', tone: 'plain', long: 'Nothing in it runs any more. Its files are still there.' },
  failed: { short: 'Failed', tone: 'bad', long: 'It could not be started.' },
  lost: {
    short: 'Lost',
    tone: 'bad',
    long: 'It disappeared without being stopped. Ask your admin, or make a new prototype.',
  },
  removed: { short: 'Removed', tone: 'plain', long: 'It is gone.' },
}

export const labelWords: Record<DataLabel, { title: string; means: string }> = {
  public: { title: 'Public', means: 'Anybody may see what goes in.' },
  internal: { title: 'Internal', means: 'Ordinary company material, no secrets.' },
  confidential: {
    title: 'Confidential',
    means: 'Customers, money, unreleased plans. Only models on your own machines are used.',
  },
  restricted: {
    title: 'Restricted',
    means: 'The most protected data. No model is used, unless your company has set one.',
  },
}

/** Names of probes in plain words; one that is not here is shown by its own name. */
const probeTitles: Record<string, string> = {
  'network-card': 'Find a network to use',
  'denied-name': 'Reach a website that is not allowed',
  'raw-address': 'Reach a machine by its bare address',
  'metadata-address': 'Reach the cloud’s machine secrets',
  'gateway-host': 'Reach the machine that Backlot runs on',
  'direct-tcp': 'Get out directly',
  'direct-udp': 'Get out directly, over UDP',
  'direct-ipv6': 'Get out directly, over IPv6',
  'name-lookup': 'Look up a name outside',
  'other-dns-server': 'Ask another name server',
  'sni-mismatch': 'Pretend to be another website',
  'write-root': 'Change the system’s files',
  'write-sockets': 'Change the doors to the outside',
  'forbidden-executable': 'Run a program that is not allowed',
  'socket-families': 'Open a forbidden kind of connection',
  capabilities: 'Take powers of the system',
  'allowed-host': 'Reach a place that is allowed',
}
export const probeTitle = (probe: string): string =>
  probeTitles[probe] ?? probe.replaceAll('-', ' ').replace(/^./, (first) => first.toUpperCase())

/** How far along, from 0 to 1. */
export const shareOf = ({ state, progress }: SandboxView): number => {
  if (state === 'starting') return 0.85
  if (state === 'proving') return 0.95
  return progress && progress.steps > 0 ? (0.8 * progress.step) / progress.steps : 0.05
}
