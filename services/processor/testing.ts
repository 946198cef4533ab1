import { createHash } from 'node:crypto';
import { localCodec } from '../../lib/avro/testing.ts';
import type { Topology } from '../../lib/streams/index.ts';
import { TestDriver } from '../../lib/streams/test-driver.ts';
import { TOPICS, type TopicName } from '../../lib/topics.ts';
import type {
  CartEvent,
  DeadLetter,
  Definition,
  FlowEvent,
  FlowInput,
  Outcome,
  PersonInput,
  SendRequest,
} from '../../schemas/types.ts';
import { cartsTopology, tickAt } from './carts.ts';
import { flowsTopology } from './flows.ts';
import { peopleTopology } from './people.ts';
import { relayTopology } from './relay.ts';

/** What the tests of the processor share: both topologies without a broker, and deliveries in a line. */

export const MINUTE_MS = 60_000;
export const HORIZON_MS = 90 * 24 * 60 * MINUTE_MS;

export const codecs = {
  cartEvents: localCodec<CartEvent>(TOPICS.cartEvents),
  personInputs: localCodec<PersonInput>(TOPICS.personInputs),
  traitEvents: localCodec<Outcome>(TOPICS.traitEvents),
  deadLetters: localCodec<DeadLetter>(TOPICS.deadLetters),
  definitions: localCodec<Definition>(TOPICS.definitions),
  flowInputs: localCodec<FlowInput>(TOPICS.flowInputs),
  flowEvents: localCodec<FlowEvent>(TOPICS.flowEvents),
  sendRequests: localCodec<SendRequest>(TOPICS.sendRequests),
};

export const carts = (horizonMs = HORIZON_MS): Topology<CartEvent> => cartsTopology(codecs, { horizonMs });
export const people = (): Topology<PersonInput> => peopleTopology(codecs);
export const relay = (): Topology<Definition> => relayTopology(codecs);
export const flows = (horizonMs = HORIZON_MS): Topology<FlowInput> => flowsTopology(codecs, { horizonMs });

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

/** A record of `cart-events` as it lies there. */
export interface Appended {
  key: string;
  value: Buffer;
  /** The broker's clock, Unix milliseconds. */
  appendTimeMs: number;
}

/** What the log says when it says nothing but what time it is. */
export const tickRecord = (nowMs: number): Appended => ({ ...carts().tick!.encode(nowMs), appendTimeMs: nowMs });

export const deliveryRecord = (event: CartEvent, appendTimeMs = event.received_at): Appended => ({
  key: `${event.workspace}:${event.cart_id}`,
  value: codecs.cartEvents.encode(event),
  appendTimeMs,
});

export interface PipelineState {
  carts: Buffer;
  people: Buffer;
}

/** Both topologies, one behind the other, in one partition. */
export class Pipeline {
  readonly carts: TestDriver<CartEvent>;
  readonly people = new TestDriver(people());
  private passed = 0;

  constructor(horizonMs = HORIZON_MS) {
    this.carts = new TestDriver(carts(horizonMs));
  }

  /** A record as Kafka has it. */
  append({ key, value, appendTimeMs }: Appended): void {
    this.carts.pipe(key, value, { appendTimeMs });
    this.pass(appendTimeMs);
  }

  deliver(event: CartEvent, appendTimeMs = event.received_at): void {
    this.carts.pipe(`${event.workspace}:${event.cart_id}`, event, { appendTimeMs });
    this.pass(appendTimeMs);
  }

  tick(nowMs: number): void {
    this.carts.advance(nowMs);
    this.pass(nowMs);
  }

  /** What a restart would find. Outputs are not part of it. */
  snapshot(): PipelineState {
    return { carts: this.carts.snapshot(), people: this.people.snapshot() };
  }

  restore(state: PipelineState): void {
    this.carts.restore(state.carts);
    this.people.restore(state.people);
  }

  outcomes(): Outcome[] {
    return decoded(this.people, TOPICS.traitEvents, (value) => codecs.traitEvents.decode(value));
  }

  personInputs(): PersonInput[] {
    return decoded(this.carts, TOPICS.personInputs, (value) => codecs.personInputs.decode(value));
  }

  deadLetters(): DeadLetter[] {
    return decoded(this.carts, TOPICS.deadLetters, (value) => codecs.deadLetters.decode(value));
  }

  private pass(appendTimeMs: number): void {
    const outputs = this.carts.outputs(TOPICS.personInputs);
    for (const { key, value } of outputs.slice(this.passed)) this.people.pipe(key, value, { appendTimeMs });
    this.passed = outputs.length;
  }
}

type Outputs = Pick<TestDriver<never>, 'outputs'>;

const decoded = <T>(driver: Outputs, topic: TopicName, decode: (value: Buffer) => T): T[] =>
  driver.outputs(topic).map(({ value }) => decode(value));
