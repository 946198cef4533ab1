export { boundsOf, type Bounds } from './bounds.ts';
export { compile, NotBuiltError, SAMPLE_MAX, type CompiledAudience, type CompileOptions } from './compile.ts';
export {
  audienceComponents,
  audienceSchema,
  DEPTH_MAX,
  LEAVES_MAX,
  parseAudience,
  type AudienceIssue,
} from './parse.ts';
export { looksAtNow, OPERATORS, type Audience, type TimeCondition, type TraitNode } from './tree.ts';
