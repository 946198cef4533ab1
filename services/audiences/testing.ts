/** Parts of tests: people, outcomes and a small installation whose time, network and processes a test decides. */
import pino from 'pino';
import { Registry } from 'prom-client';
import type { Audience, PersonFacts, TraitEventFacts } from '../../lib/audiences/index.ts';
import { localCodec } from '../../lib/avro/testing.ts';
import type { Random } from '../../lib/carts/testing/random.ts';
import { SimulatedBroker } from '../../lib/kafka/testing/broker.ts';
import { EventLoop, START_WALL_MS, type SimulatedProcess } from '../../lib/kafka/testing/event-loop.ts';
import { Network, type RequestFault } from '../../lib/kafka/testing/network.ts';
import { simulatedKafka } from '../../lib/kafka/testing/simulated-kafka.ts';
import { partitionFor } from '../../lib/kafka/murmur2.ts';
import type { PartitionGroup } from '../../lib/streams/partition-group.ts';
import { changelogOf, TOPICS } from '../../lib/topics.ts';
import type { AudienceChange, Outcome } from '../../schemas/types.ts';
import type { LiveDefinition } from './definition.ts';
import { judgeAt } from './judge.ts';
import { startAudiences } from './service.ts';
import { STAGE } from './task.ts';

export const traitFacts = (eventId: string, occurredAtMs: number, change: Partial<TraitEventFacts> = {}) => ({
  event_id: eventId,
  trait: 'cart_abandoned' as const,
  status: '',
  occurred_at: occurredAtMs,
  detected_at: occurredAtMs,
  retracted_at: null,
  recovered_at: null,
  cart_id: eventId,
  store_id: null,
  mode: null,
  amount: null,
  products: null,
  anomaly: null,
  reentered: false,
  source: null,
  ...change,
});

export const personFacts = (personId: number, traitEvents: TraitEventFacts[] = []): PersonFacts => ({
  personId,
  firstAtMs: 0,
  anonymous: false,
  traitEvents,
  carts: [],
});

/** Abandoned in the last `amount` minutes. */
export const abandonedIn = (amount: number): Audience => ({
  trait: 'cart_abandoned',
  time: { operator: 'in_last', amount, unit: 'minutes' },
});

export const definition = (id: string, audience: Audience, change: Partial<LiveDefinition> = {}): LiveDefinition => ({
  id,
  workspace: 'acme',
  version: 1,
  audience,
  includeAnonymous: false,
  zone: 'UTC',
  ...change,
});

const NOTHING = { trait: null, cart: null, person: null, merge: null, erasure: null, link_report: null };

export const outcome = (workspace: string, change: Partial<Outcome>): Outcome => ({
  kind: 'trait',
  workspace,
  log_time: 0,
  input_offset: 0,
  ...NOTHING,
  ...change,
});

export const traitOutcome = (
  workspace: string,
  person_id: number,
  facts: TraitEventFacts,
  change: Partial<NonNullable<Outcome['trait']>> = {},
): Outcome =>
  outcome(workspace, {
    kind: 'trait',
    trait: {
      ...facts,
      op: facts.retracted_at === null ? 'asserted' : 'retracted',
      person_id,
      previous_status: null,
      beyond_horizon: false,
      replaces: null,
      last_activity_at: null,
      cart_phone: null,
      cart_email: null,
      moved_from: null,
      ...change,
    },
  });

export const personOutcome = (workspace: string, person_id: number): Outcome =>
  outcome(workspace, {
    kind: 'person',
    person: {
      person_id,
      anonymous: false,
      name: null,
      time_zone: null,
      first_at: 0,
      last_at: 0,
      identifiers: [],
      more_identifiers: [],
    },
  });

export const mergeOutcome = (workspace: string, loser: number, winner: number): Outcome =>
  outcome(workspace, { kind: 'merge', merge: { loser, winner, dissolved: false } });

export const erasureOutcome = (workspace: string, person_id: number): Outcome =>
  outcome(workspace, { kind: 'erasure', erasure: { person_id, former_ids: [], carts: [], trait_events: [] } });

interface StoredPerson {
  mergedInto: number;
  events: Map<string, TraitEventFacts>;
}

/** ClickHouse as far as audiences see it: what the sink has written of some workspaces. */
export class StoredPeople {
  private readonly workspaces = new Map<string, Map<number, StoredPerson>>();

  apply({ workspace, trait, person, merge, erasure }: Outcome): void {
    const people = this.of(workspace);
    if (person !== null && !people.has(person.person_id)) {
      people.set(person.person_id, { mergedInto: 0, events: new Map() });
    }
    if (trait !== null) people.get(trait.person_id)?.events.set(trait.event_id, trait);
    const loser = merge === null ? undefined : people.get(merge.loser);
    if (loser !== undefined && merge !== null) loser.mergedInto = merge.winner;
    if (erasure !== null) people.delete(erasure.person_id ?? 0);
  }

  private of(workspace: string): Map<number, StoredPerson> {
    let people = this.workspaces.get(workspace);
    if (people === undefined) this.workspaces.set(workspace, (people = new Map()));
    return people;
  }

  private winner(workspace: string, id: number): number | null {
    const people = this.of(workspace);
    for (let at = id; ;) {
      const person = people.get(at);
      if (person === undefined) return null;
      if (person.mergedInto === 0) return at;
      at = person.mergedInto;
    }
  }

  ids(workspace: string): number[] {
    return [...this.of(workspace)].flatMap(([id, { mergedInto }]) => (mergedInto === 0 ? [id] : []));
  }

  facts(workspace: string, asked: number): PersonFacts | null {
    const id = this.winner(workspace, asked);
    if (id === null) return null;
    const own = [...this.of(workspace)].filter(([other]) => this.winner(workspace, other) === id);
    const events = own.flatMap(([, { events }]) => [...events.values()]).filter((event) => event.retracted_at === null);
    return personFacts(id, events);
  }
}

const codecs = {
  outcomes: localCodec<Outcome>(TOPICS.traitEvents),
  changes: localCodec<AudienceChange>(TOPICS.audienceChanges),
};
const PARTITIONS = 2;

/** A running process of the service. */
interface Place {
  process: SimulatedProcess;
  group: PartitionGroup | null;
}

/** Processes of the service on a simulated Kafka, over people whom a pretended sink writes with some delay. */
export class SimulatedInstallation {
  readonly loop = new EventLoop();
  readonly broker: SimulatedBroker;
  readonly stored = new StoredPeople();
  /** All live definitions by id; deleted ones are missing, others are null while they are not live. */
  readonly definitions = new Map<string, LiveDefinition | null>();
  /** The chance of a fault for each request. */
  faultChance = 0;
  readonly places: Place[] = [];
  /** How often people were read. */
  reads = 0;
  /** How far clocks of processes may be off. */
  skewMaxMs = 0;
  /** Warnings and errors that the service has logged. */
  readonly log: string[] = [];
  private readonly network: Network;
  private readonly storedOffsets = Array.from({ length: PARTITIONS }, () => 0);
  private readonly listeners = new Set<() => void>();
  private started = 0;

  constructor(private readonly random: Random) {
    this.broker = new SimulatedBroker({ loop: this.loop, random });
    for (const topic of [TOPICS.traitEvents, TOPICS.audienceChanges, changelogOf(STAGE)]) {
      this.broker.createTopic(topic, PARTITIONS);
    }
    this.network = new Network({ loop: this.loop, random, faultOf: () => this.fault() });
  }

  private fault(): RequestFault | null {
    if (!this.random.chance(this.faultChance)) return null;
    const faults: RequestFault[] = [
      { kind: 'refuse' },
      { kind: 'lose reply', silent: this.random.chance(0.2) },
      { kind: 'delay', ms: this.random.below(7_000) },
      { kind: 'delay reply', ms: this.random.below(7_000) },
    ];
    return this.random.pick(faults);
  }

  get wallMs(): number {
    return START_WALL_MS + this.loop.nowMs;
  }

  define(definition: LiveDefinition | null, id = definition?.id ?? ''): void {
    this.definitions.set(id, definition);
    this.changed();
  }

  remove(id: string): void {
    this.definitions.delete(id);
    this.changed();
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }

  /** Appends outcomes of a workspace; ClickHouse has them all at once after `delayMs`. */
  append(workspace: string, outcomes: readonly Outcome[], delayMs: number): void {
    const partition = partitionFor(workspace, PARTITIONS);
    const log = this.broker.logs(TOPICS.traitEvents)[partition]!;
    for (const each of outcomes) {
      const value = codecs.outcomes.encode(each);
      log.append({ timestampMs: this.wallMs, key: Buffer.from(workspace), value, headers: {} }, null);
    }
    const end = log.highWatermark;
    this.loop.schedule(delayMs, 'the sink writes', () => {
      // In order, whatever the delays.
      const from = this.storedOffsets[partition]!;
      if (from >= end) return;
      const { records } = log.read(from, 'read_committed', end - from);
      for (const { value } of records) this.stored.apply(codecs.outcomes.decode(value!));
      this.storedOffsets[partition] = end;
    });
  }

  start(): void {
    const { loop, broker, network, random } = this;
    const skewMs = random.below(this.skewMaxMs + 1) - this.skewMaxMs / 2;
    const process = loop.process(`audiences#${++this.started}`, skewMs);
    const place: Place = { process, group: null };
    this.places.push(place);
    const { clock } = process;
    const ask = <T>(effect: () => T): Promise<T> => {
      this.reads++;
      return network.request(process, 'read ledger', effect);
    };
    const say = (line: string): void => void this.log.push(`${process.name} ${line}`);
    loop.schedule(0, `${process.name} starts`, () => {
      place.group = startAudiences<PersonFacts>({
        kafka: simulatedKafka({ process, broker, network, random }),
        codecs,
        definitions: {
          liveIn: (partition) =>
            [...this.definitions.values()].filter(
              (each) => each !== null && partitionFor(each.workspace, PARTITIONS) === partition,
            ) as LiveDefinition[],
          exists: (id) => this.definitions.has(id),
          onChange: (listener) => {
            const wake = (): void => void loop.schedule(1, 'definitions', listener, process);
            this.listeners.add(wake);
            return () => this.listeners.delete(wake);
          },
        },
        people: {
          read: (workspace, ids) =>
            ask(() => {
              const found = ids.map((id) => [id, this.stored.facts(workspace, id)] as const);
              return new Map(found.flatMap(([id, facts]) => (facts === null ? [] : [[id, facts] as const])));
            }),
          rowsOf: ({ traitEvents }) => 1 + traitEvents.length,
          next: (workspace, after, limit) =>
            ask(() =>
              this.stored
                .ids(workspace)
                .filter((id) => id > after)
                .sort((a, b) => a - b)
                .slice(0, Math.min(limit, 7)),
            ),
        },
        judgeAt,
        untilStored: async (partition, offset) => {
          while (this.storedOffsets[partition]! < offset) await clock.sleep(20);
          return this.storedOffsets[partition]!;
        },
        intervalMs: 50,
        // So that one evaluation often takes several transactions.
        effectsMax: 4,
        logger: pino({ level: 'warn' }, { write: say }),
        metrics: new Registry(),
        healthUrl: null,
        clock,
      });
    });
  }

  kill(place: Place): void {
    place.process.kill();
    this.places.splice(this.places.indexOf(place), 1);
  }

  /** The committed feed, partition by partition. */
  feed(): AudienceChange[][] {
    return this.broker
      .logs(TOPICS.audienceChanges)
      .map((log) => log.read(0, 'read_committed', Infinity).records.map(({ value }) => codecs.changes.decode(value!)));
  }

  /** Length of all logs that the service writes. */
  written(): number {
    const topics = [TOPICS.audienceChanges, changelogOf(STAGE)];
    return topics.flatMap((topic) => this.broker.logs(topic)).reduce((sum, log) => sum + log.highWatermark, 0);
  }

  /** The members of a live definition now, by everything that ClickHouse has. */
  expected(live: LiveDefinition): number[] {
    const judge = judgeAt(live, this.wallMs);
    return this.stored.ids(live.workspace).filter((id) => judge(this.stored.facts(live.workspace, id)!).matches);
  }
}

/** The members by audience that feeds give; throws an Error where one repeats, has a gap or goes back in time. */
export function membersOf(feed: readonly AudienceChange[]): Map<string, Set<number>> {
  const audiences = new Map<string, Set<number>>();
  const lastAtMs = new Map<string, number>();
  for (const { audience_id: id, person_id: person, change, at, size } of feed) {
    const members = audiences.get(id) ?? new Set<number>();
    audiences.set(id, members);
    const last = lastAtMs.get(id) ?? 0;
    if (at < last) throw new Error(`the feed of ${id} goes back from ${last} to ${at}`);
    lastAtMs.set(id, at);
    if (members.has(person) === (change === 'entered')) throw new Error(`${person} ${change} ${id} twice`);
    if (change === 'entered') members.add(person);
    else members.delete(person);
    if (size !== members.size) throw new Error(`${id} has ${members.size} members, the feed says ${size}`);
  }
  return audiences;
}
