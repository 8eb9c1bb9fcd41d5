import { NothingHere } from '../../modules/facade/NothingHere.tsx'

export const NotFound = () => <NothingHere what="page" />
