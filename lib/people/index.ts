export { continueWithFlows, foldWithFlows, type Folded } from './flow-log.ts';
export { foldPersonInput } from './fold.ts';
export { isWorkKey } from './keys.ts';
export { newScratch } from './scratch.ts';
export type { PeopleStore } from './store.ts';
export { traitEventId, type Cause } from './outcomes.ts';
export { DEFAULT_RULES, type LinkRules } from './rules.ts';
