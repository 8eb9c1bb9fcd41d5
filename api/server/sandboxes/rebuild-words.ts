import type { RebuildReason } from '../../contract/in-force.ts'

/** What its owner reads where a terminal was. */
export const rebuildWords: Record<RebuildReason, string> = {
  'policy-narrowed': 'Your admin changed the rules of this workspace. It is being rebuilt; your files stay.',
  'policy-applied': 'This workspace is being rebuilt with its new rules. Your files stay.',
}
