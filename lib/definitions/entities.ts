import type { FlowSettings, Identifier } from '../../schemas/types.ts';
import type { Audience } from '../audiences/index.ts';
import type { Flow } from '../flows/definition.ts';
import type { Role } from '../http/index.ts';
import type { Unit } from '../time/index.ts';

/** What every folded entity has. Times are Unix milliseconds. */
export interface Meta {
  id: string;
  workspace: string;
  /** 1 after the first record; what `If-Match` and `expectedVersion` compare with. */
  version: number;
  createdAt: number;
  updatedAt: number;
}

export interface WorkspaceBody {
  name: string;
  /** IANA name: days in conditions are days there. */
  time_zone: string;
  abandonment_window_minutes: number;
  grace_seconds: number;
  retry_horizon_minutes: number;
  /** ISO 3166 alpha-2, upper case. */
  default_country: string;
  /** Null: forever. */
  retention_days: number | null;
  /** No cap when it is null or was never set. */
  frequency_cap?: FrequencyCap | null;
  /** `DEFAULT_QUIET_HOURS` when it was never set. */
  quiet_hours?: QuietHours;
}

/** The maximum number of marketing messages of one channel to a person, and to an address, in a rolling window. */
export interface FrequencyCap {
  count: number;
  per: { amount: number; unit: Unit };
}

/** Marketing messages of these channels leave when `from` ≤ local time < `to`. Local times are HH:MM. */
export interface QuietHours {
  from: string;
  to: string;
  channels: ('sms' | 'email')[];
}

export const DEFAULT_QUIET_HOURS: QuietHours = { from: '08:00', to: '21:00', channels: ['sms'] };

export interface KeyBody {
  role: Exclude<Role, 'admin'>;
  /** SHA-256 in hex of the whole key. */
  hash: string;
}

export type SubscriptionEvent = 'cart_status' | 'cart_activity' | 'cart_abandoned';
export type Verify = 'both' | 'signature' | 'token';

/** `valid_until`: Unix milliseconds for a secret that was replaced by a rotation, null for the current one. */
export interface TokenHash {
  hash: string;
  valid_until: number | null;
}
export interface SealedSecret {
  /** AES-256-GCM under the installation's key, bound to the subscription's id. */
  sealed: string;
  valid_until: number | null;
}

export interface SubscriptionBody {
  event: SubscriptionEvent;
  /** Null: every store. */
  store_ids: string[] | null;
  /** IANA name: the zone of times that Jane sends without one. */
  time_zone: string;
  verify: Verify;
  tokens: TokenHash[];
  secrets: SealedSecret[];
}

/** Which identifiers link people. One per workspace, with the workspace's id. */
export interface LinkRulesBody {
  /** 1 to 100: an identifier that was seen with more values of one other kind is junk. */
  limit: number;
  /** Identifiers that are never junk, normalised. */
  allow: Identifier[];
  /** Identifiers that are always junk, also when they are allowed; normalised. */
  deny: Identifier[];
}

/** A saved audience. */
export interface AudienceBody {
  name: string;
  description: string | null;
  /** Valid when it was written. */
  audience: Audience;
  /** Whether anonymous people can be members. */
  include_anonymous: boolean;
  /** Whether its changes are followed and emitted to the topic audience-changes. */
  live: boolean;
}

/** A version of a flow. Its number is the version of the entity. */
export interface FlowBody {
  /** Its shape was valid when it was written; publishing checks the rest. */
  flow: Flow;
}

/** What happens to live runs of a flow when a new version is published. */
export type LiveRuns = 'finish' | 'move';

/** The settings of a workspace that flows depend on, as in `flow-inputs`. */
export type SettingsOfFlows = Omit<FlowSettings, 'number'>;

/** A change of a flow's state. */
export type FlowStateCommand =
  | {
      what: 'publish';
      runs: LiveRuns;
      /** The published version, in full, so that a reader of commands needs no versions. */
      flow: Flow;
      /** Those of the workspace when the command was written. */
      settings: SettingsOfFlows;
    }
  | { what: 'pause' | 'resume' | 'archive' };

/** The state of a flow, with the id of the flow. A flow that was never published or archived has none. */
export interface FlowStateBody {
  state: 'live' | 'paused' | 'archived';
  /** The published version; null when the flow was archived before it was ever published. */
  live_version: number | null;
  /** Unix milliseconds of the last publish. */
  published_at: number | null;
  /** What led to this state. */
  command: FlowStateCommand;
}

export type ChannelName = 'sms' | 'email' | 'webhook';

/** How messages of a channel are sent. One per workspace and channel, with the id `<workspace>:<channel>`. */
export interface ChannelBody {
  /** `test`: messages are kept and shown, and none leaves the installation. */
  provider: 'test';
  /** Null: no limit. */
  rate_per_second: number | null;
  /** What to do when it is unknown whether the provider took a message. Null: the default of the channel. */
  on_unknown: 'retry' | null;
}

/**
 * Codes that were added to a pool at once, with the id `<workspace>:<name>:<batch>`. Batches are numbered from 0 and
 * never change, so each code of a pool has a number: see `code-pools.ts`.
 */
export interface CodePoolBody {
  name: string;
  batch: number;
  /** The number of codes in the batches before this one. */
  first: number;
  count: number;
  /** The codes as a JSON array, encrypted as signing secrets are and bound to the entity's id. */
  sealed: string;
}

/** The body of each kind of entity. */
export interface Bodies {
  workspace: WorkspaceBody;
  key: KeyBody;
  subscription: SubscriptionBody;
  audience: AudienceBody;
  flow: FlowBody;
  link_rules: LinkRulesBody;
  flow_state: FlowStateBody;
  channel: ChannelBody;
  code_pool: CodePoolBody;
}

export type EntityKind = keyof Bodies;
export type Folded<K extends EntityKind> = Meta & Bodies[K];

export type Workspace = Folded<'workspace'>;
export type Key = Folded<'key'>;
/** `audience` is the tree; the rest describes it. */
export type SavedAudience = Folded<'audience'>;

export interface Subscription extends Folded<'subscription'> {
  /** Compares in constant time; a token that was replaced by a rotation is accepted until its end. */
  acceptsToken(presented: string, nowMs: number): boolean;
  /** The valid signing secrets that can be decrypted, the current one first. Their UTF-8 bytes are the HMAC key. */
  signingSecrets(nowMs: number): string[];
  /** Whether some valid ones cannot be decrypted, because they were encrypted with another secret key. */
  hasUnreadableSecrets(nowMs: number): boolean;
}
