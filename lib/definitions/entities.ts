import type { Identifier } from '../../schemas/types.ts';
import type { Audience } from '../audiences/index.ts';
import type { Role } from '../http/index.ts';

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
}

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

/** The body of each kind of entity. The bodies of flows are stored without interpretation. */
export interface Bodies {
  workspace: WorkspaceBody;
  key: KeyBody;
  subscription: SubscriptionBody;
  audience: AudienceBody;
  flow: Record<string, unknown>;
  link_rules: LinkRulesBody;
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
