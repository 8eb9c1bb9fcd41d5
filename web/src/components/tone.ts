export type Tone = 'plain' | 'good' | 'bad' | 'marigold'
