import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { isUsable, prototypeQuery } from '../../client/prototypes.ts'
import { RequestFailed } from '../../client/request.ts'
import { Bones, Ready } from '../../components/feedback/Waiting.tsx'
import { NotFound } from '../not-found/NotFound.tsx'
import { RemoveDialog } from '../prototypes/RemoveDialog.tsx'
import { GettingReady } from './GettingReady.tsx'
import { StateBar } from './StateBar.tsx'
import styles from './Studio.module.css'
import { Terminals } from './Terminals.tsx'

export const Studio = () => {
  const { id } = useParams({ from: '/shell/prototypes/$id' })
  const query = useQuery(prototypeQuery(id))
  const navigate = useNavigate()
  const [removing, setRemoving] = useState(false)
  const title = query.data?.title
  useEffect(() => {
    document.title = title ? `${title} · Backlot` : 'Backlot'
  }, [title])
  if (query.error instanceof RequestFailed && query.error.code === 'not_found') return <NotFound />
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
        {(prototype) => (
          <>
            <StateBar prototype={prototype} onRemove={() => setRemoving(true)} />
            {isUsable(prototype.sandbox.state) ? (
              <Terminals sandbox={prototype.sandbox.id} />
            ) : (
              <GettingReady prototype={prototype} onRemove={() => setRemoving(true)} />
            )}
            <RemoveDialog
              prototype={removing ? prototype : null}
              onClose={() => setRemoving(false)}
              onRemoved={() => void navigate({ to: '/prototypes' })}
            />
          </>
        )}
      </Ready>
    </div>
  )
}
