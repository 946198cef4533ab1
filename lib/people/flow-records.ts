import type {
  Cart,
  FlowAddress,
  FlowChange,
  FlowChanges,
  FlowInput,
  FlowProfile,
  IdentifierKind,
  Person as Profile,
  StandingCart,
  TraitEvent,
} from '../../schemas/types.ts';
import type { Cause } from './outcomes.ts';

/** What people conclude, in the form in which flows read it. */

/** Collects the records of `flow-inputs` that one record of one workspace causes. */
export class FlowInputWriter {
  readonly inputs: FlowInput[] = [];
  private readonly workspace: string;
  private readonly cause: Cause;

  constructor(workspace: string, cause: Cause) {
    this.workspace = workspace;
    this.cause = cause;
  }

  /** Adds a record whose one member is named as its kind. */
  add(member: Partial<FlowInput> & Pick<FlowInput, 'kind'>): void {
    const { logTimeMs } = this.cause;
    this.inputs.push({
      workspace: this.workspace,
      log_time: logTimeMs,
      received_at: logTimeMs,
      changes: null,
      profile: null,
      merge: null,
      parting: null,
      erasure: null,
      command: null,
      settings: null,
      code_pool: null,
      suppression: null,
      answer: null,
      outcome: null,
      settled: null,
      ...member,
    });
  }
}

export const flowProfileOf = (profile: Profile): FlowProfile => ({
  person_id: profile.person_id,
  anonymous: profile.anonymous,
  name: profile.name,
  time_zone: profile.time_zone,
  phones: addressesOf(profile, 'phone'),
  emails: addressesOf(profile, 'email'),
});

const addressesOf = ({ identifiers }: Profile, kind: IdentifierKind): FlowAddress[] =>
  identifiers.filter((identifier) => identifier.kind === kind).map(({ value, consent }) => ({ value, consent }));

export interface Part {
  part: number;
  parts: number;
}

/** A cart in its current state, with changes of its trait events in any order. */
export const flowChangesOf = (cart: Cart, changes: FlowChange[], { part, parts }: Part): FlowChanges => ({
  cart_id: cart.cart_id,
  person_id: cart.person_id,
  part,
  parts,
  changes: changes.sort((a, b) => a.occurred_at - b.occurred_at),
  cart: standingCartOf(cart),
  phone: cart.phone,
  email: cart.email,
});

const standingCartOf = (cart: Cart): StandingCart => ({
  status: cart.status,
  had: cart.statuses.map(({ status }) => status),
  store_id: cart.store_id,
  store_name: cart.store_name,
  mode: cart.mode,
  amount: cart.amount,
  products: cart.products,
  last_activity_at: cart.last_activity_at,
  due_at: cart.due_at,
  reservation_start_at: cart.reservation_start_at,
});

export const flowChangeOf = (trait: TraitEvent): FlowChange => ({
  op: trait.op,
  event_id: trait.event_id,
  trait: trait.trait,
  status: trait.status,
  occurred_at: trait.occurred_at,
  replaces: trait.replaces,
  last_activity_at: trait.last_activity_at,
  anomaly: trait.anomaly,
  reentered: trait.reentered,
  store_id: trait.store_id,
  mode: trait.mode,
  amount: trait.amount,
  products: trait.products,
});
