import { Confirm } from '../../components/feedback/Confirm.tsx'

/** A link in a terminal may say one thing and lead to another: the real target is shown before it opens. */
export const LinkConfirm = ({ target, onClose }: { target: string | null; onClose: () => void }) => (
  <Confirm
    opened={target !== null}
    title="Open this link?"
    action="Open link"
    danger={false}
    onClose={onClose}
    onConfirm={() => {
      if (target) window.open(target, '_blank', 'noopener,noreferrer')
      onClose()
    }}
  >
    <p>Something in the terminal printed it. It opens in a new tab of your browser:</p>
    <code>{target}</code>
  </Confirm>
)
