import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { isUsable, prototypeQuery } from '../../client/prototypes.ts'
import { isMissing } from '../../client/request.ts'
import { meQuery } from '../../client/session.ts'
import { Bones, Ready } from '../../components/feedback/Waiting.tsx'
import { NothingHere } from '../../modules/facade/NothingHere.tsx'
import { NewRules } from '../../modules/sandbox/NewRules.tsx'
import { RemoveDialog } from '../../modules/sandbox/RemoveDialog.tsx'
import { GettingReady } from './GettingReady.tsx'
import { Leaving } from './Leaving.tsx'
import { NotYours } from './NotYours.tsx'
import { OnHold } from './OnHold.tsx'
import { StateBar } from './StateBar.tsx'
import styles from './Studio.module.css'
import { Terminals } from './Terminals.tsx'

export const Studio = () => {
  const { id } = useParams({ from: '/shell/prototypes/$id' })
  const [leaving, setLeaving] = useState(false)
  const query = useQuery({ ...prototypeQuery(id), enabled: !leaving })
  const title = query.data?.title
  useEffect(() => {
    document.title = title ? `${title} · Backlot` : 'Backlot'
  }, [title])
  if (isMissing(query.error)) return <NothingHere what="prototype" />
  return (
    <div className={styles.studio}>
      <Ready
        query={query}
        bones={
          <div className={styles.bones}>
            <Bones rows={3} />
          </div>
        }
      >
        {(prototype) => <Opened prototype={prototype} leaving={leaving} onLeaving={setLeaving} />}
      </Ready>
    </div>
  )
}

interface Props {
  prototype: PrototypeView
  /** It is being deleted. */
  leaving: boolean
  onLeaving: (leaving: boolean) => void
}

const Opened = ({ prototype, leaving, onLeaving }: Props) => {
  const { data: me } = useQuery(meQuery)
  const navigate = useNavigate()
  const [removing, setRemoving] = useState(false)
  const isMine = me?.person.id === prototype.owner.id
  const isHeld = prototype.sandbox.holds.length > 0
  const remove = () => setRemoving(true)
  return (
    <>
      <StateBar prototype={prototype} onRemove={isMine && !leaving && !isHeld ? remove : null} />
      <Stage prototype={prototype} isMine={isMine} leaving={leaving} onRemove={remove} />
      <RemoveDialog
        prototype={removing ? prototype : null}
        onClose={() => setRemoving(false)}
        onLeaving={onLeaving}
        onRemoved={() => navigate({ to: '/prototypes' })}
      />
    </>
  )
}

interface StageProps {
  prototype: PrototypeView
  isMine: boolean
  leaving: boolean
  onRemove: () => void
}

const Stage = ({ prototype, isMine, leaving, onRemove }: StageProps) => {
  if (leaving) return <Leaving prototype={prototype} />
  if (!isMine) return <NotYours prototype={prototype} />
  if (prototype.sandbox.holds.length > 0) return <OnHold prototype={prototype} />
  const { id, state, waiting } = prototype.sandbox
  if (isUsable(state))
    return (
      <>
        {waiting && <NewRules sandbox={id} changes={waiting} />}
        <Terminals sandbox={id} />
      </>
    )
  return <GettingReady prototype={prototype} onRemove={onRemove} />
}
