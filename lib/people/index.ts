export { emitMovedCarts, foldPersonInput } from './fold.ts';
export { isMovedKey } from './keys.ts';
export { newScratch } from './scratch.ts';
export type { PeopleStore } from './store.ts';
export { traitEventId, type Cause } from './outcomes.ts';
export { DEFAULT_RULES, type LinkRules } from './rules.ts';
