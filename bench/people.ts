/**
 * Who is who without Kafka: the fold alone with its state's bytes, and both topologies of the processor with Avro in
 * and out on the core that the runtime drives. A retailer's day: shoppers with four carts each, a cart of six updates,
 * one cart in three begins without identifiers.
 */
import { parseArgs } from 'node:util';
import { BLANK_SNAPSHOT } from '../lib/carts/index.ts';
import { foldPersonInput, newScratch } from '../lib/people/index.ts';
import { cartInput, change, MapStore } from '../lib/people/testing.ts';
import { TaskCore, type Topology } from '../lib/streams/index.ts';
import { TOPICS } from '../lib/topics.ts';
import type { CartEvent, PersonInput } from '../schemas/types.ts';
import { carts, codecs, delivery, people } from '../services/processor/testing.ts';
import { measure, printJson, printMeasurements, printTable, timeInBlocks } from './measure.ts';

export const HELP = `Measures who is who without engines: the fold alone, and both topologies with Avro in and out.

  npm run bench -- people [options]

  --carts N   that the day consists of, each of six updates (20000)
  --runs N    of each measurement, after a warm-up (5)
  --help
`;

const START = Date.UTC(2026, 2, 17);
const UPDATES = 6;
/** The number of carts that are open at a time: updates of one cart do not follow each other. */
const OPEN = 60;
const STATUSES = ['verification', 'preparing', 'ready_for_pickup', 'finished'];
const PRODUCTS = [{ product_id: '12345', count: 1, price: 41.8 }];
/** Effects are taken when this many have accumulated, about as in the runtime. */
const LIMITS = { effects: 2_000, bytes: 8 << 20 };

interface Update {
  cart: number;
  /** Undefined before checkout. */
  status: string | undefined;
  phone: string | null;
  email: string | null;
  name: string;
  at: number;
}

function day(count: number): Update[] {
  const shoppers = Math.ceil(count / 4);
  return Array.from({ length: count * UPDATES }, (_, index) => {
    const cart = Math.floor(index / (OPEN * UPDATES)) * OPEN + (index % OPEN);
    const step = Math.floor((index % (OPEN * UPDATES)) / OPEN);
    const shopper = (cart * 7919) % shoppers;
    const known = step > 0 || cart % 3 !== 0;
    return {
      cart: 7_000_000 + cart,
      status: STATUSES[step - 2],
      phone: known ? `+1808${5_550_000 + shopper}` : null,
      email: known ? `shopper${shopper}@example.com` : null,
      name: `Shopper ${shopper}`,
      at: START + index,
    };
  });
}

function inputOf({ cart, status, phone, email, name, at }: Update): PersonInput {
  const identifiers = phone === null ? [] : [`phone:${phone}`, `email:${email}`];
  const facts = { store_id: '68', mode: 'pickup', amount: 41.8 };
  const changes = status === undefined ? [] : [change(at, status, { ...facts, products: PRODUCTS })];
  const snapshot = { ...BLANK_SNAPSHOT, ...facts, status: status ?? 'pending', created_at: START, last_event_at: at };
  return cartInput(String(cart), identifiers, { at, changes, snapshot, name });
}

/** As in records of an earlier version: the time of a person's last event is emitted as a profile. */
const withoutLastEvent = (input: PersonInput): PersonInput =>
  input.cart === null
    ? input
    : { ...input, cart: { ...input.cart, snapshot: { ...input.cart.snapshot, last_event_at: null } } };

function eventOf({ cart, status, phone, email, name, at }: Update): CartEvent {
  const kind = status === undefined ? 'cart_activity' : 'cart_status';
  const facts = { store_id: '68', mode: 'pickup', amount: 41.8, products: PRODUCTS };
  const event = delivery('shop', String(cart), at, { kind, status: status ?? null, phone, email, name, ...facts });
  // As large as Jane's documented payload.
  return { ...event, source: 'webhook', request_at: at, body: Buffer.alloc(640, 'x') };
}

/** Runs encoded records through a topology's core; answers how many outputs there were and their bytes. */
function runTopology<I>(topology: Topology<I>, values: readonly Buffer[]): { outputs: number; bytes: number } {
  const core = new TaskCore(topology);
  let outputs = 0;
  let bytes = 0;
  const take = (): void => {
    for (const { value } of core.takeEffects().outputs) {
      outputs += 1;
      bytes += value.length;
    }
  };
  values.forEach((value, offset) => {
    core.begin({ key: 'shop', value: topology.input.decode(value), offset, partition: 0 }, START + offset);
    while (!core.advance(LIMITS)) take();
    if (core.isFull(LIMITS)) take();
  });
  take();
  return { outputs, bytes };
}

export function run(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: { carts: { type: 'string', default: '20000' }, runs: { type: 'string', default: '5' } },
  });
  const runs = Number(values.runs);
  const updates = day(Number(values.carts));
  const events = updates.map((update) => codecs.cartEvents.encode(eventOf(update)));
  const encoded = updates.map((update) => codecs.personInputs.encode(inputOf(update)));
  let store = new MapStore();
  let emitted = { outputs: 0, bytes: 0 };
  const foldAll = (timed: (work: () => number) => void): void => {
    store = new MapStore();
    const scratch = newScratch();
    timeInBlocks(timed, updates, inputOf, (input, offset) => {
      foldPersonInput(store, input, { logTimeMs: input.received_at, offset }, { scratch });
    });
  };
  const measurements = [
    measure({ name: 'people, fold alone', runs, once: foldAll }),
    measure({
      name: `topology people, Avro in and out`,
      runs,
      once: (timed) =>
        timed(() => {
          emitted = runTopology(people(), encoded);
          return encoded.length;
        }),
    }),
    measure({
      name: `topology carts, Avro in and out`,
      runs,
      once: (timed) =>
        timed(() => {
          runTopology(carts(), events);
          return events.length;
        }),
    }),
  ];
  printMeasurements(measurements);
  const every = runTopology(
    people(),
    updates.map((update) => codecs.personInputs.encode(withoutLastEvent(inputOf(update)))),
  );
  const saved = ((1 - emitted.outputs / every.outputs) * 100).toFixed(1);
  const perInput = (emitted.outputs / encoded.length).toFixed(2);
  console.log(
    `\n${TOPICS.traitEvents}: ${perInput} records an input, ${Math.round(emitted.bytes / emitted.outputs)} bytes each; ` +
      `${saved} % fewer than if a later event of a cart were emitted as a profile\n`,
  );
  printTable(['state of people', 'entries', 'bytes each, with key'], stateRows(store));
  printJson('people', { measurements });
}

function stateRows(store: MapStore): string[][] {
  const names = new Map(Object.entries({ s: 'carrier', i: 'identifier', x: 'pair', p: 'person', w: 'workspace' }));
  const kinds = new Map<string, { count: number; bytes: number }>();
  for (const [key, value] of store.entries) {
    const kind = names.get(key.slice(0, 1)) ?? 'chunk';
    const { count, bytes } = kinds.get(kind) ?? { count: 0, bytes: 0 };
    kinds.set(kind, { count: count + 1, bytes: bytes + key.length + value.length });
  }
  return [...kinds].map(([kind, { count, bytes }]) => [kind, String(count), String(Math.round(bytes / count))]);
}
