export { Freshness, type FreshnessOptions } from './freshness.ts';
export { CHAIN, DEAD_LETTERS, RELAY, type Stage } from './stages.ts';
export { StageWatcher, type StageMember } from './watcher.ts';
export { askPeer, positionsBy } from './peers.ts';
