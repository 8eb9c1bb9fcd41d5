/**
 * The environment for a Backlot of the test's own: this process's, without what may lead to another one that somebody runs
 * from the same shell. Authorities stay, since packages are fetched through them.
 */
export function ownEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const leads = (name: string) => /^(BACKLOT_(?!EXTRA_CA$)|DATABASE_URL$|POSTGRES_|COMPOSE_)/.test(name)
  const kept = Object.entries(process.env).filter(([name]) => !leads(name))
  return { ...Object.fromEntries(kept), ...more }
}
