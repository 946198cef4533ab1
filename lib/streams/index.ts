export { describe } from './describe.ts';
export { RESTORE_RULES, type RestoreRules } from './restore.ts';
export { runTopology, type RunOptions, type RunningTopology, type Shadow } from './runtime.ts';
export { RecordTooLargeError, TaskCore } from './task-core.ts';
export { SKIPS_TOPIC, SKIPS_TOPIC_SPEC, decodeSkip, encodeSkip, readSkips, type Skip } from './skips.ts';
export type { Context, InputRecord, RecordClock, SkippedRecord, Store, Topology } from './topology.ts';
