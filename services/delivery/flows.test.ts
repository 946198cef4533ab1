/**
 * The fold of flows and delivery, each reading what the other writes, on a simulated Kafka with faults: pauses, exits and
 * moves at every moment of a message. `JT_DELIVERY_SEEDS` sets how many seeds are played.
 */
import { describe, expect, it } from 'vitest';
import { localCodec } from '../../lib/avro/testing.ts';
import { randomFrom, type Random } from '../../lib/carts/testing/random.ts';
import { PureLog } from '../../lib/flows/testing/pure-log.ts';
import {
  flowChange,
  flowChanges,
  flowCommand,
  flowInput,
  flowProfile,
  flowSettings,
} from '../../lib/flows/testing/records.ts';
import { partitionFor } from '../../lib/kafka/murmur2.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { FlowCommand, FlowEvent, FlowInput } from '../../schemas/types.ts';
import { SimulatedDelivery } from './testing.ts';

const SEEDS = Number(process.env['JT_DELIVERY_SEEDS'] ?? 10);
const WORKSPACE = 'acme';
const PEOPLE = 12;
const STEPS = 250;
const OUTCOMES = ['sent', 'skipped', 'failed', 'unknown'];
const inputs = localCodec<FlowInput>(TOPICS.flowInputs);

/** Two messages with a wait between them. A run may be moved to a message of another class or type, or away from one. */
const SMS = { type: 'sms', class: 'transactional', text: 'Your order.' };
const MARKETING = { type: 'sms', text: 'Your cart.' };
/** It cannot be rendered here. */
const EMAIL = { type: 'email', class: 'transactional', subject: 'Your order', html: 'Your order.' };
const BASE = {
  name: 'A flow',
  triggers: [{ trait: 'cart_status_updated', status: ['preparing'] }],
  exit_on: [{ event: { trait: 'cart_status_updated', status: ['cancelled'] }, of: 'cart' }],
  reentry: { rule: 'always', per: 'cart' },
  start: 'm',
};
const VERSIONS = [
  { ...BASE, nodes: { m: { ...SMS, next: 'w' }, w: waitFor(3), n: { ...MARKETING, next: null } } },
  { ...BASE, nodes: { m: { ...MARKETING, next: 'w' }, w: waitFor(1), n: { ...SMS, code_pool: 'spring', next: null } } },
  { ...BASE, start: 'w', nodes: { w: waitFor(2), n: { ...SMS, next: null } } },
  { ...BASE, nodes: { m: { ...EMAIL, next: 'w' }, w: waitFor(1), n: { ...EMAIL, next: null } } },
];

function waitFor(seconds: number): object {
  return { type: 'wait', for: { amount: seconds, unit: 'seconds' }, next: 'n' };
}

/** The log of flow-inputs, and the fold that reads it. */
class Flows {
  readonly events: FlowEvent[] = [];
  /** Offsets of flow-inputs between which the flow is paused. */
  readonly pauses: { from: number; to: number }[] = [];
  private readonly fold = new PureLog();
  private readonly log;
  private position = 0;
  private commands = 0;
  private commanded: 'pause' | 'resume' = 'resume';
  private version = 0;
  private carts = 0;

  constructor(
    private readonly world: SimulatedDelivery,
    private readonly random: Random,
  ) {
    this.log = world.broker.logs(TOPICS.flowInputs)[partitionFor(WORKSPACE, 2)]!;
    this.append({
      settings: flowSettings({ number: this.commands++, quiet_hours: { from: '00:00', to: '00:01', channels: [] } }),
    });
    this.append({ code_pool: { number: this.commands++, name: 'spring', total: 40 } });
    for (let i = 0; i < PEOPLE; i++) this.consent(i, 'opted_in');
    this.publish('finish');
    this.poll();
  }

  private append(body: Partial<FlowInput>): void {
    const value = inputs.encode(flowInput(this.world.wallMs, body, WORKSPACE));
    this.log.append({ timestampMs: this.world.wallMs, key: Buffer.from(WORKSPACE), value, headers: {} }, null);
  }

  private consent(i: number, consent: 'opted_in' | 'opted_out'): void {
    const phones = [{ value: `+1212555${1_000 + i}`, consent }];
    const emails = [{ value: `p${i}@example.com`, consent: null }];
    this.append({ profile: flowProfile({ person_id: i + 1, phones, emails, time_zone: 'UTC' }) });
  }

  private command(what: FlowCommand['what'], change: Partial<FlowCommand> = {}): void {
    this.append({ command: flowCommand({ number: this.commands++, what, ...change }) });
  }

  private publish(runs: 'finish' | 'move'): void {
    const definition = JSON.stringify(VERSIONS[this.version % VERSIONS.length]);
    this.command('publish', { version: ++this.version, definition, runs });
  }

  private status(cart: number, status: string): void {
    const id = `e${cart}-${status}`;
    const changes = [flowChange({ op: 'asserted', event_id: id, status, occurred_at: this.world.wallMs })];
    this.append({ changes: flowChanges({ cart_id: `c${cart}`, person_id: 1 + (cart % PEOPLE), changes }) });
  }

  happen(): void {
    const { random } = this;
    // Pauses are short: messages are on their way when they begin, and when they end.
    if (random.chance(this.commanded === 'pause' ? 0.4 : 0.1)) return this.toggle();
    const kind = random.below(14);
    if (kind < 9) this.status(this.carts++, 'preparing');
    else if (kind < 11) this.status(Math.max(0, this.carts - 1 - random.below(6)), 'cancelled');
    else if (kind < 13) this.consent(random.below(PEOPLE), random.chance(0.6) ? 'opted_in' : 'opted_out');
    else if (random.chance(0.4)) this.publish(random.chance(0.8) ? 'move' : 'finish');
    else this.quiet(random.chance(0.5));
  }

  toggle(): void {
    this.commanded = this.commanded === 'pause' ? 'resume' : 'pause';
    const offset = this.log.highWatermark;
    if (this.commanded === 'pause') this.pauses.push({ from: offset, to: Infinity });
    else this.pauses.at(-1)!.to = offset;
    this.command(this.commanded);
  }

  /** Marketing messages are held until the next minute, or not at all. */
  private quiet(isQuiet: boolean): void {
    const { wallMs } = this.world;
    const time = (ms: number): string => new Date(ms).toISOString().slice(11, 16);
    const channels = isQuiet ? ['sms' as const] : [];
    const quiet_hours = { from: time(wallMs + 60_000), to: time(wallMs + 6 * 3_600_000), channels };
    this.append({ settings: flowSettings({ number: this.commands++, quiet_hours }) });
  }

  /** Everything that can still be sent is. */
  finish(): void {
    if (this.commanded === 'pause') this.toggle();
    this.quiet(false);
    for (let cart = 0; cart < this.carts; cart++) if (this.random.chance(0.3)) this.status(cart, 'cancelled');
  }

  tick(): void {
    this.append({});
  }

  /** Folds what is committed, from now on again and again. */
  poll(): void {
    const { records, nextOffset } = this.log.read(this.position, 'read_committed', 1 + this.random.below(20));
    this.position = nextOffset;
    for (const { value, timestampMs, offset } of records) {
      const input = inputs.decode(value!);
      const { events, requests } = this.fold.append({ ...input, log_time: input.log_time ?? timestampMs });
      this.events.push(...events.map((event) => ({ ...event, input_offset: offset })));
      for (const request of requests) this.world.append(request);
    }
    this.world.loop.schedule(this.random.below(this.random.chance(0.1) ? 1_500 : 60), 'the fold reads', () =>
      this.poll(),
    );
  }

  get isCurrent(): boolean {
    return this.position === this.log.highWatermark;
  }

  /** Runs that have not ended, and those whose messages are out. */
  get open(): string[] {
    return [...this.fold.entries.keys()].filter((key) => key.startsWith('r:'));
  }
}

/** One outcome for each message that was requested, and no more than one call that may have sent it. */
function check(world: SimulatedDelivery, { events, pauses }: Flows): void {
  const requested = new Set(events.flatMap(({ what, request_id }) => (what === 'requested' ? [request_id!] : [])));
  for (const id of requested) {
    const outcomes = events.filter(({ what, request_id }) => request_id === id && OUTCOMES.includes(what));
    expect([id, outcomes.map(({ what, reason }) => `${what} ${reason}`)]).toEqual([id, [expect.any(String)]]);
    const left = world.callsOf(id).filter(({ result }) => result === 'sent' || result === 'unknown');
    expect([id, left.length <= 1]).toEqual([id, true]);
    if (outcomes[0]!.what === 'sent') expect([id, left.map(({ result }) => result)]).toEqual([id, ['sent']]);
    if (outcomes[0]!.what === 'skipped') expect([id, left]).toEqual([id, []]);
  }
  const duringPauses = events.filter(
    ({ what, input_offset: at }) => what === 'requested' && pauses.some(({ from, to }) => from <= at && at < to),
  );
  expect(duringPauses).toEqual([]);
}

describe('flows and delivery under faults', () => {
  const seen = { sent: 0, requestedAgain: 0, held: 0, revoked: 0, unknown: 0 };

  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('seed %i', async (seed) => {
    const random = randomFrom(seed);
    const world = new SimulatedDelivery(random);
    world.answerAtRandom();
    for (let i = 0; i < 2; i++) world.start();
    await world.loop.run(5_000);
    const flows = new Flows(world, random);
    world.faultChance = random.pick([0, 0.01, 0.05]);
    for (let step = 0; step < STEPS; step++) {
      flows.happen();
      world.callMs = random.below(random.chance(0.3) ? 3_000 : 50);
      world.codeMs = random.chance(0.3) ? random.below(800) : 0;
      world.disturb(0.02);
      await world.loop.run(random.below(300));
    }
    world.faultChance = 0;
    flows.finish();
    // A run that waits for a reply or an outcome that never comes would be left.
    for (let round = 0; round < 600 && !(flows.isCurrent && flows.open.length === 0); round++) {
      flows.tick();
      await world.loop.run(1_000);
    }
    expect(flows.open).toEqual([]);
    check(world, flows);
    const count = (test: (event: FlowEvent) => boolean): number => flows.events.filter(test).length;
    const requests = flows.events.flatMap(({ what, request_id: id }) => (what === 'requested' ? [id] : []));
    seen.sent += count(({ what }) => what === 'sent');
    seen.requestedAgain += requests.length - new Set(requests).size;
    seen.held += count(({ what }) => what === 'held');
    seen.revoked += count(({ what, reason }) => what === 'skipped' && reason === 'revoked');
    seen.unknown += count(({ what }) => what === 'unknown');
  });

  it('has seen every kind of end', () => expect(Math.min(...Object.values(seen))).toBeGreaterThan(SEEDS));
});
