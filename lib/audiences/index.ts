export { boundsOf, type Bounds } from './bounds.ts';
export {
  compile,
  compileMembers,
  ONE_SNAPSHOT,
  SAMPLE_MAX,
  type CompiledAudience,
  type CompiledMembers,
  type CompileOptions,
} from './compile.ts';
export {
  EVENTS_MAX,
  evaluate,
  matches,
  NEAR_MAX,
  prepare,
  type EvaluateOptions,
  type Evaluation,
  type NodeEvaluation,
  type PreparedAudience,
} from './evaluate.ts';
export type { CartFacts, PersonFacts, TraitEventFacts } from './facts.ts';
export { factsNeeded, type FactsNeeded } from './facts-needed.ts';
export { instantParameter } from './leaf-source.ts';
export { nextChange, prepareNextChange, type ChangeOptions } from './next-change.ts';
export { DEPTH_MAX, LEAVES_MAX, leafSchemas, parseAudience, type AudienceIssue } from './parse.ts';
export { personKey, RecentFacts, rowsOf } from './recent-facts.ts';
export type { FailedKey } from './rules.ts';
export { TOUCH, touchedBy } from './touch.ts';
export { looksAtNow, OPERATORS, type Audience, type TimeCondition, type TraitNode } from './tree.ts';
export { compileTrend, type TrendOptions, type TrendQuery, type TrendRow } from './trend.ts';
