/** Profiles, and what changes who is who: merges, partings, erasures. */
import type { FlowErasure, FlowMerge, FlowParting, FlowProfile } from '../../schemas/types.ts';
import { addressHash } from './address-hash.ts';
import { release } from './caps.ts';
import { assignCart, liveRuns, liveRunsOfCart, noteCheckout } from './changes.ts';
import { knownCauses } from './ends.ts';
import { endRun, firstCause, latestCounted, type RunRef } from './lifecycle.ts';
import { scheduleCart } from './start.ts';
import type { Cause, Person } from './state.ts';
import type { View } from './view.ts';

export function takeProfile(view: View, profile: FlowProfile): void {
  const id = view.resolve(profile.person_id);
  const { anonymous, name, time_zone: timeZone, phones, emails } = profile;
  view.savePerson(id, { ...view.person(id), anonymous, name, timeZone, phones, emails });
}

/** Unites two people: starts, checkouts and messages. Runs that the winner may not have twice end. */
export function takeMerge(view: View, { loser: loserId, winner: winnerId }: FlowMerge): void {
  const [loserNow, id] = [view.resolve(loserId), view.resolve(winnerId)];
  if (loserNow === id) return;
  const [loser, winner] = [view.person(loserNow), view.person(id)];
  let starts = [...winner.starts, ...loser.starts];
  for (const flow of new Set(starts.map((start) => start.flow))) starts = latestCounted(starts, flow);
  const united: Person = {
    ...winner,
    starts,
    checkouts: [...winner.checkouts, ...loser.checkouts],
    messages: [...winner.messages, ...loser.messages],
  };
  view.savePerson(id, united);
  view.alias(loserNow, id);
  const refs = liveRuns(view, id);
  const merged = secondRuns(view, refs);
  const causes = refs.map((ref): Cause | null => {
    const known = knownCauses(view, ref, view.flow(ref.flow, ref.run.version));
    // An activity was known before: what is new is what the other one has ordered.
    return firstCause([...known, merged.has(ref.id) ? 'merged' : null]);
  });
  refs.forEach((ref, i) => {
    const cause = causes[i] ?? null;
    if (cause !== null) endRun(view, ref, cause);
  });
}

/** Live runs of flows that allow one for each person, except the earliest of each flow. */
function secondRuns(view: View, refs: readonly RunRef[]): Set<string> {
  const first = new Map<string, RunRef>();
  const later = new Set<string>();
  for (const ref of refs) {
    const { version } = view.flowState(ref.flow) ?? ref.run;
    const { reentry } = view.flow(ref.flow, version);
    if (reentry.per !== 'person' || reentry.rule === 'always') continue;
    const known = first.get(ref.flow);
    const isEarlier =
      known === undefined ||
      ref.run.startedAt < known.run.startedAt ||
      (ref.run.startedAt === known.run.startedAt && ref.id < known.id);
    if (known !== undefined) later.add(isEarlier ? known.id : ref.id);
    if (isEarlier) first.set(ref.flow, ref);
  }
  return later;
}

/** Carts leave their person: their runs end, and their checkouts are the other person's. */
export function takeParting(view: View, { carts }: FlowParting): void {
  for (const { cart_id: cartId, person_id } of carts) {
    const cart = view.cart(cartId);
    const personId = view.resolve(person_id);
    if (cart === undefined || view.resolve(cart.person) === personId) continue;
    for (const ref of liveRunsOfCart(view, cart)) endRun(view, ref, 'parted');
    assignCart(view, cartId, personId);
    noteCheckout(view, cartId);
    scheduleCart(view, cartId);
  }
}

export function takeErasure(view: View, { person_id, former_ids, carts }: FlowErasure): void {
  for (const cartId of carts) eraseCart(view, cartId);
  for (const id of person_id === null ? former_ids : [person_id, ...former_ids]) erasePerson(view, id);
}

function erasePerson(view: View, id: number): void {
  if (view.resolve(id) === id) {
    for (const ref of liveRuns(view, id)) eraseRun(view, ref);
    const { phones, emails } = view.person(id);
    for (const { value } of phones) forgetSends(view, addressHash('sms', value));
    for (const { value } of emails) forgetSends(view, addressHash('email', value));
  }
  view.deletePerson(id);
}

function eraseCart(view: View, cartId: string): void {
  const cart = view.cart(cartId);
  if (cart === undefined) return;
  for (const { flow, run: id } of cart.runs) {
    const run = view.run(flow, id);
    if (run !== undefined) eraseRun(view, { flow, id, run });
  }
  view.deleteCart(cartId);
}

/** Outcomes of messages that are out are still recorded, but not whose they were. */
function eraseRun(view: View, ref: RunRef): void {
  if (ref.run.state !== 'ended') endRun(view, ref, 'erased');
  const rest = view.run(ref.flow, ref.id);
  if (rest === undefined) return;
  for (const { node, hash } of rest.requests) release(view, ref, { node, hash });
  view.saveRun(ref.flow, ref.id, {
    ...rest,
    person: 0,
    cart: '',
    requests: rest.requests.map((request) => ({ ...request, hash: '' })),
  });
}

function forgetSends(view: View, hash: string): void {
  view.saveAddress(hash, { ...view.address(hash), sends: [] });
}
