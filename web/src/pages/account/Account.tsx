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
      <Section title="Password" intro="A new password signs you out on every other device.">
        <PasswordForm />
      </Section>
      <Section title="API tokens" intro="For scripts: a token can do whatever you can, until it expires.">
        <Tokens />
      </Section>
    </Page>
  )
}
