import {
  IconActivity,
  IconCpu,
  IconHeartbeat,
  IconLayoutGrid,
  type IconProps,
  IconScale,
  IconUsers,
} from '@tabler/icons-react'
import type { ComponentType } from 'react'
import type { Role } from '../../../api/contract/people.ts'

export interface Place {
  to: '/prototypes' | '/now' | '/models' | '/people' | '/policies' | '/health'
  title: string
  icon: ComponentType<IconProps>
  /** Pressed after `g`. */
  key: string
  roles: readonly Role[]
}

/** What stands in the navigation, for whom, in groups. The server decides what each may see; this is only what is offered. */
export const groups: readonly { title: string | null; places: readonly Place[] }[] = [
  {
    title: null,
    places: [{ to: '/prototypes', title: 'Prototypes', icon: IconLayoutGrid, key: 'p', roles: ['pm', 'engineer'] }],
  },
  {
    title: 'Security',
    places: [{ to: '/now', title: 'Now', icon: IconActivity, key: 'n', roles: ['security'] }],
  },
  {
    title: 'Admin',
    places: [
      { to: '/models', title: 'Models', icon: IconCpu, key: 'm', roles: ['admin'] },
      { to: '/people', title: 'People', icon: IconUsers, key: 'u', roles: ['admin'] },
      { to: '/policies', title: 'Policies', icon: IconScale, key: 'o', roles: ['admin', 'security'] },
      { to: '/health', title: 'Health', icon: IconHeartbeat, key: 'h', roles: ['admin'] },
    ],
  },
]

export const placesFor = (roles: readonly Role[]) =>
  groups
    .map((group) => ({
      ...group,
      places: group.places.filter((place) => place.roles.some((role) => roles.includes(role))),
    }))
    .filter((group) => group.places.length > 0)

/** Where a person begins: the first place that is offered. */
export const homeOf = (roles: readonly Role[]) => placesFor(roles)[0]?.places[0]?.to ?? '/account'
