import { Checkbox } from '@mantine/core'
import { type Role, role } from '../../../../api/contract/people.ts'
import styles from './People.module.css'

export const roleWords: Record<Role, { title: string; means: string }> = {
  pm: { title: 'Product', means: 'Makes prototypes.' },
  security: { title: 'Security', means: 'Sees everything that goes in and out, and can stop it.' },
  admin: { title: 'Admin', means: 'Manages models, people and policies.' },
  engineer: { title: 'Engineer', means: 'Reads the decisions on prototypes. None can be shown yet.' },
}

export const Roles = ({
  value,
  onChange,
  error,
}: {
  value: Role[]
  onChange: (roles: Role[]) => void
  error?: string | false
}) => (
  <Checkbox.Group
    label="Roles"
    value={value}
    error={error}
    onChange={(values) => onChange(values.map((one) => role.parse(one)))}
  >
    <div className={styles.choices}>
      {role.options.map((option) => (
        <Checkbox key={option} value={option} label={roleWords[option].title} description={roleWords[option].means} />
      ))}
    </div>
  </Checkbox.Group>
)
