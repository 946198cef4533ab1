/**
 * The fold of people alone, its state's encoding included, without Kafka: records a CPU-second.
 * A retailer's day: shoppers who come back, each cart with six updates, the first without identifiers
 * for one in three, and four trait events.
 */
import { localCodec } from '../lib/avro/index.ts';
import { foldPersonInput } from '../lib/people/index.ts';
import { BLANK_SNAPSHOT, cartInput, change, MapStore } from '../lib/people/testing.ts';
import { TOPICS } from '../lib/topics.ts';
import type { Outcome, PersonInput } from '../schemas/types.ts';

const CARTS = Number(process.argv[2] ?? 60_000);
const SHOPPERS = Math.ceil(CARTS / 4);
const STATUSES = ['verification', 'preparing', 'ready_for_pickup', 'finished'];

function day(): PersonInput[] {
  const inputs: PersonInput[] = [];
  for (let turn = 0; turn < CARTS * 6; turn++) {
    // Sixty carts are open at a time, so that updates of one cart come apart.
    const block = Math.floor(turn / 360);
    const cart = block * 60 + (turn % 60);
    const step = Math.floor((turn % 360) / 60);
    const shopper = (cart * 7919) % SHOPPERS;
    const known = step > 0 || cart % 3 !== 0;
    const identifiers = known ? [`phone:+1808555${shopper}`, `email:shopper${shopper}@example.com`] : [];
    const at = 1_700_000_000_000 + turn;
    const status = STATUSES[step - 2];
    const products = [{ product_id: '12345', count: 1, price: 41.8 }];
    const changes =
      status === undefined ? [] : [change(at, status, { store_id: '68', mode: 'pickup', amount: 41.8, products })];
    const snapshot = { ...BLANK_SNAPSHOT, status: status ?? 'pending', store_id: '68', mode: 'pickup', amount: 41.8 };
    inputs.push(cartInput(`${7_000_000 + cart}`, identifiers, { at, changes, snapshot, name: `Shopper ${shopper}` }));
  }
  return inputs;
}

function measure(name: string, count: number, work: () => void): void {
  const before = process.cpuUsage();
  const startMs = performance.now();
  work();
  const { user, system } = process.cpuUsage(before);
  const cpuSeconds = (user + system) / 1e6;
  const wallSeconds = (performance.now() - startMs) / 1000;
  const perCpu = Math.round(count / cpuSeconds).toLocaleString('en');
  console.log(`${name}: ${perCpu} a CPU-second (${cpuSeconds.toFixed(2)} s CPU, ${wallSeconds.toFixed(2)} s wall)`);
}

const inputs = day();
const inputCodec = localCodec<PersonInput>(TOPICS.personInputs);
const outcomeCodec = localCodec<Outcome>(TOPICS.traitEvents);
const encoded = inputs.map((input) => inputCodec.encode(input));
let outcomes = 0;
let bytes = 0;

for (const round of ['cold', 'warm']) {
  const store = new MapStore();
  outcomes = 0;
  measure(`fold, ${round}`, inputs.length, () => {
    inputs.forEach((input, offset) => {
      outcomes += foldPersonInput(store, input, { logTimeMs: input.received_at, offset }).length;
    });
  });
  if (round === 'warm') report(store);
}
measure('fold with Avro in and out', inputs.length, () => {
  const store = new MapStore();
  encoded.forEach((value, offset) => {
    const input = inputCodec.decode(value);
    for (const outcome of foldPersonInput(store, input, { logTimeMs: input.received_at, offset })) {
      bytes += outcomeCodec.encode(outcome).length;
    }
  });
});
console.log(`outcomes: ${(outcomes / inputs.length).toFixed(2)} a record, ${Math.round(bytes / outcomes)} bytes each`);

function report(store: MapStore): void {
  const kinds = new Map<string, { count: number; bytes: number }>();
  for (const [key, value] of store.entries) {
    const kind = kinds.get(key.slice(0, 1)) ?? { count: 0, bytes: 0 };
    kinds.set(key.slice(0, 1), { count: kind.count + 1, bytes: kind.bytes + value.length + key.length });
  }
  for (const [kind, { count, bytes }] of kinds) {
    console.log(`  state ${kind}/: ${count} entries, ${Math.round(bytes / count)} bytes each with the key`);
  }
}
