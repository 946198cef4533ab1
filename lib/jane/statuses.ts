/**
 * The statuses that Jane documents, described once for the carts, the API and the console. The rules that use them are
 * in docs/semantics.md, §1 and §2; a test compares the two.
 */
export interface StatusDescription {
  status: string;
  /** Position in the lifecycle, which decides what is `backward`; null for statuses without one. */
  rank: number | null;
  /** No other status is expected after it. */
  terminal: boolean;
  /** An abandoned cart that reaches it counts as recovered. */
  recovers: boolean;
  meaning: string;
}

/** In the order in which simultaneous events are taken. A cart's state refers to them by index: never reorder. */
export const STATUSES = [
  {
    status: 'pending',
    rank: 0,
    terminal: false,
    recovers: false,
    meaning: 'the cart exists, checkout is not complete',
  },
  {
    status: 'verification',
    rank: 1,
    terminal: false,
    recovers: true,
    meaning: 'the order was submitted, the store has not accepted it yet',
  },
  {
    status: 'staff_member_review',
    rank: 2,
    terminal: false,
    recovers: true,
    meaning: 'a staff member has to review the order',
  },
  {
    status: 'preparing',
    rank: 3,
    terminal: false,
    recovers: true,
    meaning: 'the store has accepted the order and is preparing it',
  },
  {
    status: 'ready_for_pickup',
    rank: 4,
    terminal: false,
    recovers: true,
    meaning: 'the order is ready for pickup in the store',
  },
  {
    status: 'delivery_started',
    rank: 4,
    terminal: false,
    recovers: true,
    meaning: 'the order has left the store for delivery',
  },
  {
    status: 'delivery_finished',
    rank: 5,
    terminal: false,
    recovers: true,
    meaning: 'the order was delivered to the customer',
  },
  {
    status: 'finished',
    rank: 6,
    terminal: false,
    recovers: true,
    meaning: 'the order was completed after pickup or delivery',
  },
  {
    status: 'finished_without_review',
    rank: 7,
    terminal: true,
    recovers: true,
    meaning: 'legacy: the order was completed without a review',
  },
  {
    status: 'with_review',
    rank: 7,
    terminal: true,
    recovers: true,
    meaning: 'the order was completed and the customer has submitted a review',
  },
  {
    status: 'cancelled',
    rank: null,
    terminal: true,
    recovers: false,
    meaning: 'the customer cancelled the order during verification',
  },
  {
    status: 'dismissed',
    rank: null,
    terminal: true,
    recovers: false,
    meaning: 'the store cancelled the order',
  },
] as const satisfies readonly StatusDescription[];

/** The name of a documented status. */
export type StatusName = (typeof STATUSES)[number]['status'];

const BY_NAME: ReadonlyMap<string, StatusDescription> = new Map(
  STATUSES.map((description) => [description.status, description]),
);

/** Undefined for a status that Jane does not document. */
export const describeStatus = (status: string): StatusDescription | undefined => BY_NAME.get(status);

/** The place of unknown statuses in the order of {@link STATUSES}: before `finished`. */
export const UNKNOWN_PLACE = STATUSES.findIndex(({ status }) => status === 'finished');

const PLACES: ReadonlyMap<string, number> = new Map(
  STATUSES.map(({ status }, i) => [status, i < UNKNOWN_PLACE ? i : i + 1]),
);

/** Where a status comes among simultaneous ones (semantics §1), from 0. */
export const placeOf = (status: string): number => PLACES.get(status) ?? UNKNOWN_PLACE;
