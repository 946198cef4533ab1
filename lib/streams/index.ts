export { describe } from './describe.ts';
export { RESTORE_RULES, type RestoreRules } from './restore.ts';
export { runTopology, type RunOptions, type RunningTopology, type Shadow } from './runtime.ts';
export { RecordTooLargeError, TaskCore } from './task-core.ts';
export type { Context, InputRecord, RecordClock, Store, Topology } from './topology.ts';
