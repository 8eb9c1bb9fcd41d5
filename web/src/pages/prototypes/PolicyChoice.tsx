import { NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { policiesQuery } from '../../client/policies.ts'

/** Which policy a prototype is made under. Where there is only one there is nothing to choose, and nothing is asked. */
export const PolicyChoice = ({ value, onChange }: { value: string; onChange: (name: string) => void }) => {
  const { data } = useQuery(policiesQuery)
  const policies = data?.items ?? []
  if (policies.length < 2) return null
  return (
    <NativeSelect
      label="Policy"
      description={policies.find(({ name }) => name === value)?.description ?? ''}
      data={policies.map(({ name }) => name)}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}
