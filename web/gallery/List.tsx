import type { Found } from './found.ts'
import styles from './gallery.module.css'

/** What `npm run gallery` opens with: every state, a click away. */
export const List = ({ all }: { all: readonly Found[] }) => {
  const places = [...new Set(all.map(({ place }) => place))].toSorted()
  return (
    <main className={styles.list}>
      <h1>Gallery</h1>
      <p>
        {all.length} states of {places.length} pages and components. Each comes from a file beside the component:
        Something.states.tsx.
      </p>
      {places.map((place) => (
        <section key={place}>
          <h2>{place}</h2>
          <ul>
            {all
              .filter((one) => one.place === place)
              .map(({ id, name }) => (
                <li key={id}>
                  <a href={`?state=${encodeURIComponent(id)}`}>{name}</a>
                </li>
              ))}
          </ul>
        </section>
      ))}
    </main>
  )
}
