import { createHash } from 'node:crypto';
import { localCodec } from '../../lib/avro/index.ts';
import { TestDriver, type Topology } from '../../lib/streams/index.ts';
import { TOPICS, type TopicName } from '../../lib/topics.ts';
import type { CartEvent, DeadLetter, Outcome, PersonInput } from '../../schemas/types.ts';
import { cartsTopology, tickAt } from './carts.ts';
import { peopleTopology } from './people.ts';

/** What the tests of the processor share: both topologies without a broker, and deliveries in a line. */

export const MINUTE_MS = 60_000;
export const HORIZON_MS = 90 * 24 * 60 * MINUTE_MS;

export const codecs = {
  cartEvents: localCodec<CartEvent>(TOPICS.cartEvents),
  personInputs: localCodec<PersonInput>(TOPICS.personInputs),
  traitEvents: localCodec<Outcome>(TOPICS.traitEvents),
  deadLetters: localCodec<DeadLetter>(TOPICS.deadLetters),
};

export const carts = (): Topology<CartEvent> => cartsTopology(codecs, { horizonMs: HORIZON_MS });
export const people = (): Topology<PersonInput> => peopleTopology(codecs);

/** A delivery as ingest would have accepted it; `received_at` follows T unless it is given. */
export function delivery(workspace: string, cartId: string, at: number, more: Partial<CartEvent> = {}): CartEvent {
  const body = Buffer.from(JSON.stringify([cartId, at, more.kind, more.status]));
  return {
    ...tickAt(at),
    kind: 'cart_status',
    source: 'line',
    workspace,
    cart_id: cartId,
    event_key: createHash('sha256').update(body).digest().subarray(0, 16),
    abandonment_window_ms: 30 * MINUTE_MS,
    grace_ms: MINUTE_MS,
    retry_horizon_ms: 15 * MINUTE_MS,
    body,
    ...more,
  };
}

/** Both topologies, one behind the other, in one partition. */
export class Pipeline {
  readonly carts = new TestDriver(carts());
  readonly people = new TestDriver(people());
  #passed = 0;

  deliver(event: CartEvent, appendTimeMs = event.received_at): void {
    this.carts.pipe(`${event.workspace}:${event.cart_id}`, event, { appendTimeMs });
    this.#pass(appendTimeMs);
  }

  tick(nowMs: number): void {
    this.carts.advance(nowMs);
    this.#pass(nowMs);
  }

  outcomes(): Outcome[] {
    return this.people.outputs(TOPICS.traitEvents).map(({ value }) => codecs.traitEvents.decode(value));
  }

  personInputs(): PersonInput[] {
    return decoded(this.carts, TOPICS.personInputs, (value) => codecs.personInputs.decode(value));
  }

  deadLetters(): DeadLetter[] {
    return decoded(this.carts, TOPICS.deadLetters, (value) => codecs.deadLetters.decode(value));
  }

  #pass(appendTimeMs: number): void {
    const outputs = this.carts.outputs(TOPICS.personInputs);
    for (const { key, value } of outputs.slice(this.#passed)) this.people.pipe(key, value, { appendTimeMs });
    this.#passed = outputs.length;
  }
}

const decoded = <T>(
  driver: TestDriver<never> | TestDriver<CartEvent>,
  topic: TopicName,
  decode: (value: Buffer) => T,
): T[] => driver.outputs(topic).map(({ value }) => decode(value));
