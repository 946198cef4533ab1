export { Freshness, type FreshnessOptions } from './freshness.ts';
export { CHAIN, type Stage } from './stages.ts';
export { StageWatcher, type StageMember } from './watcher.ts';
