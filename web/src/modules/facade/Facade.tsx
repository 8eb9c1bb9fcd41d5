import { useMemo } from 'react'
import { HEIGHT, street, WIDTH } from './drawing.ts'
import styles from './Facade.module.css'

interface Props {
  seed: string
  /** `up`: stands, with a light on. `rising`: being put up, `share` of it done. `down`: nobody there. */
  mood: 'up' | 'rising' | 'down'
  share?: number
}

/** The card's picture: a street of fronts. Decoration only; the words beside it say the same. */
export const Facade = ({ seed, mood, share = 0 }: Props) => {
  const fronts = useMemo(() => street(seed), [seed])
  const lit = fronts[1]?.windows[0] ?? fronts[0]?.windows[0]
  return (
    <svg
      className={styles.drawing}
      data-mood={mood}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="xMidYMax slice"
      aria-hidden="true"
    >
      <line x1="-200" x2="520" y1="92" y2="92" className={styles.ground} />
      {fronts.map((front) => (
        <g key={front.outline}>
          <path d={front.strut} className={styles.strut} />
          <path
            d={front.outline}
            pathLength={1}
            className={styles.outline}
            style={mood === 'rising' ? { strokeDashoffset: 1 - Math.max(0.15, share) } : undefined}
          />
          {mood !== 'rising' &&
            front.windows.map((window) => (
              <rect
                key={`${window.x},${window.y}`}
                {...window}
                className={window === lit ? styles.lit : styles.window}
              />
            ))}
          {mood !== 'rising' && front.door && <rect {...front.door} className={styles.door} />}
        </g>
      ))}
    </svg>
  )
}
