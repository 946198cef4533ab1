export { authenticate, bearerOf } from './authenticate.ts';
export { createDefinitions, type Append, type Definitions, type DefinitionsOptions } from './definitions.ts';
export {
  ConflictError,
  DefinitionsUnavailableError,
  OtherWorkspaceError,
  TooManyLiveAudiencesError,
  UnauthenticatedError,
  UnknownOutcomeError,
  UnknownWorkspaceError,
} from './errors.ts';
export { batchId, codeOf, codesOf, nextBatch, poolsOf, totalOf } from './code-pools.ts';
export { DEFAULT_QUIET_HOURS } from './entities.ts';
export { settingsOfFlows } from './flow-settings.ts';
export { FLOW_TRANSITIONS, stateAfter, type FlowState } from './flow-state.ts';
export type {
  AudienceBody,
  Bodies,
  ChannelBody,
  ChannelName,
  EntityKind,
  FlowStateBody,
  FlowStateCommand,
  Folded,
  FrequencyCap,
  Key,
  KeyBody,
  LinkRulesBody,
  LiveRuns,
  Meta,
  QuietHours,
  SavedAudience,
  Subscription,
  SubscriptionBody,
  SubscriptionEvent,
  Verify,
  Workspace,
  WorkspaceBody,
} from './entities.ts';
export { acceptRecord, DefinitionsFold, LIVE_AUDIENCES_MAX, type EntityState } from './fold.ts';
export { hashOf, newId, newSecret, seal, tryUnseal, unseal } from './secrets.ts';
