export { Freshness, type FreshnessOptions } from './freshness.ts';
export { CHAIN, RELAY, type Stage } from './stages.ts';
export { StageWatcher, type StageMember } from './watcher.ts';
