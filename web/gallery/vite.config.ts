/** The gallery alone: its own build, so that nothing of it is in the product's. */
import { join } from 'node:path'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  publicDir: join(import.meta.dirname, '..', 'public'),
  plugins: [react()],
  build: { assetsInlineLimit: 0, emptyOutDir: true, chunkSizeWarningLimit: 3000 },
  server: { host: '127.0.0.1', port: 4610 },
})
