export { boundsOf, type Bounds } from './bounds.ts';
export { compile, NotBuiltError, SAMPLE_MAX, type CompiledAudience, type CompileOptions } from './compile.ts';
export { DEPTH_MAX, LEAVES_MAX, leafSchemas, parseAudience, type AudienceIssue } from './parse.ts';
export { looksAtNow, OPERATORS, type Audience, type TimeCondition, type TraitNode } from './tree.ts';
