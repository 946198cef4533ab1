export { authenticate, bearerOf } from './authenticate.ts';
export { createDefinitions, type Append, type Definitions, type DefinitionsOptions } from './definitions.ts';
export {
  ConflictError,
  DefinitionsUnavailableError,
  OtherWorkspaceError,
  UnauthenticatedError,
  UnknownOutcomeError,
  UnknownWorkspaceError,
} from './errors.ts';
export type {
  AudienceBody,
  Bodies,
  EntityKind,
  Folded,
  Key,
  KeyBody,
  LinkRulesBody,
  Meta,
  SavedAudience,
  Subscription,
  SubscriptionBody,
  SubscriptionEvent,
  Verify,
  Workspace,
  WorkspaceBody,
} from './entities.ts';
export { acceptRecord, DefinitionsFold, type EntityState } from './fold.ts';
export { hashOf, newId, newSecret, seal, tryUnseal, unseal } from './secrets.ts';
