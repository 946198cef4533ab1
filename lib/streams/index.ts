export { describe } from './describe.ts';
export { RESTORE_RULES, type RestoreRules } from './restore.ts';
export { runTopology, type RunOptions, type RunningTopology, type Shadow } from './runtime.ts';
export { RecordTooLargeError, TaskCore } from './task-core.ts';
export type { TaskLimits } from './limits.ts';
export {
  SKIPS_TOPIC,
  SKIPS_TOPIC_SPEC,
  covers,
  decodeSkip,
  encodeSkip,
  followSkips,
  type Skip,
  type SkipScope,
} from './skips.ts';
export type { Context, InputRecord, RecordClock, SkippedRecord, Store, Topology } from './topology.ts';
