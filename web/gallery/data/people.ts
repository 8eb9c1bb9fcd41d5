import type { z } from 'zod'
import type { PersonId } from '../../../api/contract/ids.ts'
import type { ListedPerson, me, Role } from '../../../api/contract/people.ts'
import { type Answers, json } from '../state.ts'
import { disk, gateways, health } from './health.ts'
import { models } from './models.ts'
import { policies, policy } from './policies.ts'
import { BIDI, id, LONG, WHEN } from './words.ts'

const person = (name: string, roles: Role[], more: Partial<ListedPerson> = {}): ListedPerson => ({
  id: `pe_${id(name)}`,
  name,
  email: `${name.toLowerCase().replace(/[^a-z]+/g, '.')}@example.com`,
  roles,
  disabled: false,
  invited: false,
  createdAt: WHEN,
  ...more,
})

export const ana = person('Ana Duarte', ['pm', 'admin', 'security'])
export const ben = person('Ben Osei', ['pm'])
export const chidi = person('Chidi Anagonye', ['security'])
export const many: ListedPerson[] = [
  ana,
  ben,
  chidi,
  person('Dana Scully', ['engineer'], { invited: true }),
  person('Elif Şahin', ['pm', 'engineer'], { disabled: true }),
]
export const long = person(LONG, ['pm', 'security', 'admin', 'engineer'], {
  email: `${'long.'.repeat(40)}@example.com`,
})
export const bidi = person(BIDI, ['pm'], { email: 'bidi@example.com' })

export const meAs = (roles: Role[], of: { id: PersonId; name: string } = ana, setupNeeded = false) => {
  const { id: own, name } = of
  const view: z.input<typeof me> = {
    person: { id: own, name, email: ana.email, roles, disabled: false, createdAt: WHEN },
    setupNeeded,
  }
  return json(view)
}

/** What any page may ask for, unless a state says otherwise: one person with every role, and an empty Backlot. */
export const everybody: Answers = {
  'GET /me': meAs(['pm', 'admin', 'security', 'engineer']),
  'GET /prototypes': json({ items: [], cursor: null }),
  'GET /sandboxes': json({ items: [], cursor: null }),
  'GET /people': json({ items: many }),
  'GET /holds': json({ items: [] }),
  'GET /tokens': json({ items: [] }),
  'GET /models': json(models.demo),
  'GET /policies': json(policies),
  'GET /policies/standard': json(policy()),
  'GET /doctor': json(health.fine),
  'GET /gateways': json(gateways.fine),
  'GET /disk': json(disk.fine),
  'GET /audit/subjects': json({ people: many.map(({ id: own, name }) => ({ id: own, name })), prototypes: [] }),
}
