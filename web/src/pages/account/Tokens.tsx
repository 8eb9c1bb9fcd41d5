import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { z } from 'zod'
import type { apiToken } from '../../../../api/contract/people.ts'
import { messageOf } from '../../client/request.ts'
import { revokeToken, tokensQuery } from '../../client/session.ts'
import { Age } from '../../components/Age.tsx'
import { Problem } from '../../components/feedback/Problem.tsx'
import { Bones, Ready } from '../../components/feedback/Waiting.tsx'
import { Rows } from '../../components/Rows.tsx'
import styles from './Account.module.css'
import { TokenForm } from './TokenForm.tsx'

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' })

export const Tokens = () => {
  const queries = useQueryClient()
  const query = useQuery(tokensQuery)
  const revoke = useMutation({
    mutationFn: revokeToken,
    onSuccess: () => void queries.invalidateQueries({ queryKey: tokensQuery.queryKey }),
  })
  return (
    <div className={styles.tokens}>
      <TokenForm />
      <Problem>{revoke.error && messageOf(revoke.error)}</Problem>
      <Ready query={query} bones={<Bones rows={1} />}>
        {({ items }) =>
          items.length > 0 && (
            <Rows>
              {items.map((token) => (
                <TokenRow
                  key={token.id}
                  token={token}
                  revoking={revoke.isPending && revoke.variables === token.id}
                  onRevoke={() => revoke.mutate(token.id)}
                />
              ))}
            </Rows>
          )
        }
      </Ready>
    </div>
  )
}

interface RowProps {
  token: z.output<typeof apiToken>
  revoking: boolean
  onRevoke: () => void
}

const TokenRow = ({ token, revoking, onRevoke }: RowProps) => (
  <li>
    <span className={styles.token}>{token.name}</span>
    <small>
      {token.lastUsedAt ? (
        <>
          Used <Age at={token.lastUsedAt} />
        </>
      ) : (
        'Never used'
      )}
      {token.expiresAt && `, expires ${day.format(new Date(token.expiresAt))}`}
    </small>
    <Button
      variant="subtle"
      color="red"
      size="sm"
      aria-label={`Revoke ${token.name}`}
      loading={revoking}
      onClick={onRevoke}
    >
      Revoke
    </Button>
  </li>
)
