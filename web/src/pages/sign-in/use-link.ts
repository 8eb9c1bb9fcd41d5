import { useEffect, useRef } from 'react'

/** The token of a link stands in the fragment, which no server and no log sees; it is taken out of the address at once. */
const takeToken = (): string | null => {
  const token = new URLSearchParams(window.location.hash.slice(1)).get('token')
  if (token) window.history.replaceState(window.history.state, '', window.location.pathname + window.location.search)
  return token
}

/** Signs in with the token of a sign-in link, once for each link that is opened. */
export const useLink = (start: (body: { token: string }) => void): void => {
  const asked = useRef(false)
  useEffect(() => {
    const fromLink = () => {
      const token = takeToken()
      if (token) start({ token })
    }
    if (!asked.current) fromLink()
    asked.current = true
    // A link that is opened in a tab that shows this page already changes nothing but the fragment.
    window.addEventListener('hashchange', fromLink)
    return () => window.removeEventListener('hashchange', fromLink)
  }, [start])
}
