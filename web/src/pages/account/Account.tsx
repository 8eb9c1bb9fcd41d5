import { useQuery } from '@tanstack/react-query'
import { meQuery } from '../../client/session.ts'
import { Page, Section } from '../../components/Page.tsx'
import { NameForm } from './NameForm.tsx'
import { PasswordForm } from './PasswordForm.tsx'
import { Tokens } from './Tokens.tsx'

export const Account = () => {
  const { data: me } = useQuery(meQuery)
  if (!me) return null
  return (
    <Page title="Account" intro={me.person.email}>
      <Section title="Name">
        <NameForm name={me.person.name} />
      </Section>
      <Section title="Password" intro="Changing it signs you out on every other device and ends all your API tokens.">
        <PasswordForm />
      </Section>
      <Section title="API tokens" intro="For scripts. A token can do everything that you can, until it expires.">
        <Tokens />
      </Section>
    </Page>
  )
}
