export { Freshness, type FreshnessOptions } from './freshness.ts';
export { AUDIENCES, CHAIN, DEAD_LETTERS, DELIVERY, FLOWS, RELAY, SINK, type Stage } from './stages.ts';
export { StageWatcher, type StageMember } from './watcher.ts';
export { askPeer, positionsBy } from './peers.ts';
