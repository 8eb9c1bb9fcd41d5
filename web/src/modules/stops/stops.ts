import type { PersonId } from '../../../../api/contract/ids.ts'
import type { KillOrder } from '../../../../api/contract/programs/gateway.ts'
import type { PrototypeView } from '../../../../api/contract/prototypes.ts'

/** Something to stop, in the words of the question that is asked first. */
export interface Stop {
  order: KillOrder
  title: string
  /** What the buttons say. */
  actions: { stop: string; hold: string }
  happens: string
  /** Who may start it again after a mere stop. */
  after: string
}

const ENDS = 'Connections, terminals and commands end within a second, and everything that runs ends. Files stay.'

export const stopOne = ({ sandbox, title }: Pick<PrototypeView, 'sandbox' | 'title'>): Stop => ({
  order: { scope: 'sandbox', id: sandbox.id },
  title: `Stop “${title}”?`,
  actions: { stop: 'Stop prototype', hold: 'Put prototype on hold' },
  happens: ENDS,
  after: 'Its owner can start it again at once.',
})

export const stopPerson = ({ id, name }: { id: PersonId; name: string }): Stop => ({
  order: { scope: 'person', id },
  title: `Stop all of ${name}'s prototypes?`,
  actions: { stop: `Stop ${name}'s prototypes`, hold: `Put ${name} on hold` },
  happens: ENDS,
  after: `${name} can start them again at once.`,
})

export const stopAll: Stop = {
  order: { scope: 'everything' },
  title: 'Stop everything?',
  actions: { stop: 'Stop everything', hold: 'Put everything on hold' },
  happens: `All prototypes of all people stop. ${ENDS}`,
  after: 'Their owners can start them again at once.',
}
