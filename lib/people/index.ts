export { emitHistory } from './flow-history.ts';
export { foldWithFlows } from './flow-log.ts';
export { emitMovedCarts, foldPersonInput } from './fold.ts';
export { isHistoryKey, isMovedKey } from './keys.ts';
export { newScratch } from './scratch.ts';
export type { PeopleStore } from './store.ts';
export { traitEventId, type Cause } from './outcomes.ts';
export { DEFAULT_RULES, type LinkRules } from './rules.ts';
