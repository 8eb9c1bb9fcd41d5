import type { KillOrder } from '../../../../api/contract/programs/gateway.ts'
import type { PrototypeView } from '../../../../api/contract/prototypes.ts'

/** Something to stop, in the words of the question that is asked first. */
export interface Stop {
  order: KillOrder
  title: string
  action: string
  happens: string
}

export const stopOne = ({ sandbox, title }: PrototypeView): Stop => ({
  order: { scope: 'sandbox', id: sandbox.id },
  title: `Stop “${title}”?`,
  action: 'Stop prototype',
  happens:
    'Its connections close within a second and everything running in it ends. Its files stay, and its owner can start it again.',
})

export const stopPerson = ({ owner }: PrototypeView): Stop => ({
  order: { scope: 'person', id: owner.id },
  title: `Stop all of ${owner.name}'s prototypes?`,
  action: `Stop all of ${owner.name}'s prototypes`,
  happens: `All prototypes of ${owner.name} stop within a second. ${owner.name} can start them again until an admin disables the account.`,
})

export const stopAll: Stop = {
  order: { scope: 'everything' },
  title: 'Stop everything?',
  action: 'Stop everything',
  happens:
    'All prototypes of all people stop within a second. Whatever runs in them ends; files stay, and their owners can start them again.',
}
