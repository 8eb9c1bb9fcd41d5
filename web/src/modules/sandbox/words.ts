import type { DataLabel, PROBES, SandboxState, SandboxView } from '../../../../api/contract/prototypes.ts'
import type { Tone } from '../../components/tone.ts'

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
    long: 'The tools are being installed. The first time takes a few minutes.',
  },
  starting: { short: 'Starting', tone: 'marigold', long: 'Your workspace is starting.' },
  proving: { short: 'Checking', tone: 'marigold', long: 'Checking that nothing can get out that should not.' },
  ready: { short: 'Ready', tone: 'good', long: 'Ready to work in.' },
  claimed: { short: 'Ready', tone: 'good', long: 'Ready to work in.' },
  paused: {
    short: 'Asleep',
    tone: 'plain',
    long: 'Nobody used it for a while. Resume it to continue where you left off.',
  },
  stopped: { short: 'Stopped', tone: 'plain', long: 'Nothing in it is running. Its files are still there.' },
  failed: {
    short: 'Failed',
    tone: 'bad',
    long: 'Your workspace could not be started. Try again; if it fails again, tell your admin.',
  },
  lost: {
    short: 'Lost',
    tone: 'bad',
    long: 'Your workspace has disappeared. Try to start it again, or tell your admin.',
  },
  removed: { short: 'Removed', tone: 'plain', long: 'The workspace was deleted.' },
}

const onHold: Words = {
  short: 'On hold',
  tone: 'bad',
  long: 'Nothing in it can run until security or an admin releases it. Its files are kept.',
}
/** What a sandbox's state means to its owner, now. */
export const wordsOf = ({ state, holds }: SandboxView): Words => (holds.length > 0 ? onHold : stateWords[state])

export const labelWords: Record<DataLabel, { title: string; means: string }> = {
  public: { title: 'Public', means: 'Anyone may see it.' },
  internal: { title: 'Internal', means: 'Ordinary company information, no secrets.' },
  confidential: {
    title: 'Confidential',
    means: 'Customers, money, unreleased plans. Only local models are used.',
  },
  restricted: {
    title: 'Restricted',
    means: 'The most sensitive data. No model is used unless your company allows one.',
  },
}

/** Every probe in plain words; one without an entry does not compile. */
const probeTitles: Record<(typeof PROBES)[number], string> = {
  'network-card': 'Find a network',
  'denied-name': 'Reach a website that is not allowed',
  'raw-address': 'Reach a machine by its IP address',
  'metadata-address': 'Reach the cloud’s metadata service',
  'gateway-host': 'Reach the machine that Backlot runs on',
  'direct-tcp': 'Connect directly',
  'direct-udp': 'Connect directly over UDP',
  'direct-ipv6': 'Connect directly over IPv6',
  'name-lookup': 'Look up an outside name',
  'other-dns-server': 'Use another DNS server',
  'other-server-name': 'Pretend to be another website',
  'write-root': 'Change system files',
  'write-sockets': 'Change the connections to the outside',
  'forbidden-executable': 'Run a program that is not allowed',
  'socket-families': 'Open a forbidden kind of connection',
  capabilities: 'Gain system privileges',
  'become-another-user': 'Become another user',
  'porter-signal': 'Stop what watches over it',
  'porter-trace': 'Take over what watches over it',
  'porter-memory': 'Read the memory of what watches over it',
  'porter-details': 'Read the settings of what watches over it',
  'sockets-dial': 'Use the connections to the outside directly',
  'allowed-host': 'Reach an allowed host',
}
/** A proof of an earlier version may hold a probe that no longer exists: that is shown by its own name. */
export const probeTitle = (probe: string): string => {
  const titles: Record<string, string> = probeTitles
  return titles[probe] ?? probe.replaceAll('-', ' ').replace(/^./, (first) => first.toUpperCase())
}

/** How far along, from 0 to 1. */
export const shareOf = ({ state, progress }: SandboxView): number => {
  if (state === 'starting') return 0.85
  if (state === 'proving') return 0.95
  return progress && progress.steps > 0 ? (0.8 * progress.step) / progress.steps : 0.05
}
