/** What the oracle keeps. Times are Unix ms; a place is the number of a record. */
import { createHash } from 'node:crypto';
import type { Flow, MessageNode } from '../definition.ts';

/** What a run was started by: a trait event, or a cart for which `in_next` did. */
export interface Trigger {
  id: string;
  trait: string;
  status: string;
  t: number;
  last: number | null;
  store: string | null;
  mode: string | null;
  amount: number | null;
  products: string[];
  /** What `in_next` awaits; null for a trait event. */
  instant: number | null;
}

export interface Event extends Trigger {
  cart: string;
  replaces: string | null;
  /** Assertions and retractions in the order of the log. */
  history: { place: number; on: boolean; counts: number }[];
}

/** A cart as it stands. */
export interface Cart {
  id: string;
  status: string | null;
  had: string[];
  store: string | null;
  mode: string | null;
  amount: number | null;
  last: number | null;
  due: number | null;
  reservation: number | null;
  phone: string | null;
  email: string | null;
}

export type How =
  | 'start'
  | 'woken'
  | 'timeout'
  | 'satisfied'
  | 'released'
  | 'settled'
  | 'yes'
  | 'no'
  | 'unanswered'
  | 'sent'
  | 'unsent'
  | 'check'
  | 'reach';

export type Resting = 'audience' | 'wait' | 'wait_for' | 'hold' | 'settle' | 'question' | 'message' | 'ready';

export interface Run {
  flow: string;
  definition: Flow;
  id: string;
  cart: string;
  person: string;
  trigger: Trigger;
  /** Ids of the trait events that it was by, the first one first. */
  events: string[];
  at: number;
  place: number;
  hasStarted: boolean;
  node: string | null;
  reachedAt: number;
  reachedPlace: number;
  rests: Resting;
  timer: number | null;
  /** How it continues, and since when it could. */
  ready: { how: How; at: number; isShown: boolean } | null;
  dueAt: number;
  isDelayed: boolean;
  /** How many questions it has asked. */
  asked: number;
  /** The message at which the run stands, until it is sent, or checked again after a pause. */
  message: Message | null;
  /** What ends it once it has started. */
  endsAs: string | null;
  ended: string | null;
  /** Its cart was erased: the cart knows nothing of it any more. */
  isErased: boolean;
}

export interface Message {
  run: Run;
  node: string;
  content: MessageNode;
  person: string;
  address: string | null;
  at: number;
  place: number;
  expires: number;
  /** `taken back`: a pause had revoked it, and it is decided again. */
  state: 'out' | 'sent' | 'not sent' | 'taken back';
  revoked: 'paused' | 'ended' | null;
  /** Delivery has replied to the pause that the call had not begun. */
  isNotCalled: boolean;
  /** It was decided again, and is held: it counts for no cap. */
  isHeld: boolean;
  /** How many times the run has requested it before. */
  nth: number;
  /** The address was forgotten with its person: it does not count for the address any more. */
  isForgotten: boolean;
  /** It was out when its person or cart was erased: it counts for nobody. */
  isErased: boolean;
}

/** A question, a message or the revocation of a message, which is answered by a record of its own. */
export type Open =
  { kind: 'question'; run: Run; nth: number } | { kind: 'message' | 'revocation'; message: Message; run: Run };

export interface Profile {
  phones: [string, string | null][];
  emails: [string, string | null][];
  zone: string | null;
}

export interface GoalReached {
  flow: string;
  cart: string;
  event: string;
  run: Run;
  isLost: boolean;
}

export const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

export const CAUSES = [
  'checkout',
  'activity',
  'event',
  'no_longer',
  'retracted',
  'merged',
  'parted',
  'cancelled',
  'archived',
  'flow_changed',
  'erased',
];
export const NO_ORDER = ['pending', 'cancelled', 'dismissed'];
