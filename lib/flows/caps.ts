/** Marketing messages that count for the frequency cap: those that are out or were sent, per person and per address. */
import type { FlowChannel } from '../../schemas/types.ts';
import { requestId } from './ids.ts';
import type { RunRef } from './lifecycle.ts';
import type { OpenRequest } from './state.ts';
import { LAST_MS } from '../time/index.ts';
import { before } from './times.ts';
import type { View } from './view.ts';

/** A message that is out counts in every window. */
const STILL_OUT = LAST_MS;

export interface Reservations {
  /** Whether one more message would exceed the cap. What this run itself has reserved for the node does not count. */
  isCapped(): boolean;
  reserve(node: string, marketing: boolean): void;
}

/** @param hash of the address; empty for a webhook */
export function reservations(view: View, { flow, id, run }: RunRef, channel: FlowChannel, hash: string): Reservations {
  const personId = view.resolve(run.person);
  return {
    isCapped() {
      const { cap } = view.settings;
      if (cap === null) return false;
      const fromMs = before(view.now, cap.per, view.zone) ?? -Infinity;
      const own = requestId(id, run.node);
      const ofPerson = view.person(personId).messages.filter(
        (message) =>
          message.channel === channel &&
          message.marketing &&
          // What is out may be sent at any time.
          (message.at >= fromMs || !message.isSent) &&
          !(message.run === id && message.node === run.node),
      );
      const ofAddress = view.address(hash).sends.filter(({ request, at }) => request !== own && at >= fromMs);
      return Math.max(ofPerson.length, ofAddress.length) >= cap.count;
    },
    reserve(node, marketing) {
      const person = view.person(personId);
      const messages = person.messages.filter(
        (message) => (message.run !== id || message.node !== node) && !isForgotten(view, message.at),
      );
      messages.push({
        flow,
        version: run.version,
        run: id,
        node,
        cart: run.cart,
        channel,
        marketing,
        at: view.now,
        offset: view.offset,
        isSent: false,
      });
      view.savePerson(personId, { ...person, messages });
      if (marketing && hash !== '') setSend(view, hash, requestId(id, node), STILL_OUT);
    },
  };
}

/** Messages from before the horizon do not count. */
const isForgotten = (view: View, at: number): boolean => at < view.now - view.turn.horizonMs;

/** Releases what a message has reserved. */
export function release(
  view: View,
  { id, run }: Pick<RunRef, 'id' | 'run'>,
  { node, hash }: Pick<OpenRequest, 'node' | 'hash'>,
): void {
  const personId = view.resolve(run.person);
  if (view.hasPerson(personId)) {
    const person = view.person(personId);
    const messages = person.messages.filter((message) => message.run !== id || message.node !== node);
    view.savePerson(personId, { ...person, messages });
  }
  if (hash !== '') setSend(view, hash, requestId(id, node), null);
}

/** The message was sent, as far as is known: it counts from now on. */
export function confirm(view: View, { id, run }: RunRef, { node, hash, marketing }: OpenRequest): void {
  const personId = view.resolve(run.person);
  if (view.hasPerson(personId)) {
    const person = view.person(personId);
    const messages = person.messages.map((message) =>
      message.run === id && message.node === node
        ? { ...message, at: view.now, offset: view.offset, isSent: true }
        : message,
    );
    view.savePerson(personId, { ...person, messages });
  }
  if (marketing && hash !== '') setSend(view, hash, requestId(id, node), view.now);
}

function setSend(view: View, hash: string, request: string, at: number | null): void {
  const address = view.address(hash);
  const sends = address.sends.filter((send) => send.request !== request && !isForgotten(view, send.at));
  if (at !== null) sends.push({ request, at });
  view.saveAddress(hash, { ...address, sends });
}
