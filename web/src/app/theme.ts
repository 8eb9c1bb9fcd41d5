import {
  createTheme,
  Drawer,
  defaultVariantColorsResolver,
  Menu,
  Modal,
  Tooltip,
  type VariantColorsResolver,
} from '@mantine/core'

const shade = 'var(--marigold)'

/** Filled buttons carry ink on marigold: white on it would not be readable. Danger is white on red. */
const variants: VariantColorsResolver = (input) => {
  const colors = defaultVariantColorsResolver(input)
  if (input.variant !== 'filled') return colors
  return { ...colors, color: input.color === 'red' ? 'var(--on-bad)' : 'var(--on-marigold)' }
}

/**
 * Values that Mantine computes in script. What it would write into a style element stands in tokens.css instead. Locking
 * the scroll behind a dialog would write one too, so it is off.
 */
export const theme = createTheme({
  primaryColor: 'marigold',
  primaryShade: 6,
  colors: { marigold: [shade, shade, shade, shade, shade, shade, shade, shade, shade, shade] },
  fontFamily: 'var(--font-text)',
  fontFamilyMonospace: 'var(--font-code)',
  headings: { fontFamily: 'var(--font-display)' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  variantColorResolver: variants,
  components: {
    Modal: Modal.extend({
      // What a dialog says is forgotten when it closes: it must not be seen fading out without it.
      defaultProps: {
        lockScroll: false,
        centered: true,
        overlayProps: { backgroundOpacity: 0.45 },
        transitionProps: { exitDuration: 0 },
        closeButtonProps: { 'aria-label': 'Close' },
      },
    }),
    Drawer: Drawer.extend({
      defaultProps: {
        lockScroll: false,
        overlayProps: { backgroundOpacity: 0.45 },
        closeButtonProps: { 'aria-label': 'Close' },
      },
    }),
    // The placeholder for the first focus is no menu item, and a menu may hold nothing else.
    Menu: Menu.extend({
      defaultProps: { shadow: 'md', position: 'bottom-end', withInitialFocusPlaceholder: false },
    }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 300, withArrow: true, multiline: true, maw: 280 } }),
  },
})
