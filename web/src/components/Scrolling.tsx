import type { ReactNode } from 'react'

/** What may be wider or longer than its place: it takes the focus, so that it can be scrolled with the keyboard. */
export const Scrolling = ({
  label,
  className,
  children,
}: {
  label: string
  className: string
  children: ReactNode
}) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: scrolling is what the keyboard does with it
  <section className={className} aria-label={label} tabIndex={0}>
    {children}
  </section>
)
