/** Parts of tests: requests, and a small installation whose time, network, processes and providers a test decides. */
import pino from 'pino';
import { Registry } from 'prom-client';
import { randomFrom, type Random } from '../../lib/carts/testing/random.ts';
import { localCodec } from '../../lib/avro/testing.ts';
import { SimulatedBroker } from '../../lib/kafka/testing/broker.ts';
import { EventLoop, START_WALL_MS, type SimulatedProcess } from '../../lib/kafka/testing/event-loop.ts';
import { partitionFor } from '../../lib/kafka/murmur2.ts';
import type { SimulatedLog } from '../../lib/kafka/testing/log.ts';
import { Network, type RequestFault } from '../../lib/kafka/testing/network.ts';
import { simulatedKafka } from '../../lib/kafka/testing/simulated-kafka.ts';
import { TemplateError } from '../../lib/rendering/index.ts';
import type { PartitionGroup } from '../../lib/streams/partition-group.ts';
import { changelogOf, TOPICS } from '../../lib/topics.ts';
import type { FlowInput, FlowQuestion, MessageRequest, Outcome, SendRequest } from '../../schemas/types.ts';
import { traitFacts, traitOutcome } from '../audiences/testing.ts';
import type { CallResult } from './channel.ts';
import { startDelivery } from './service.ts';
import { STAGE } from './stage.ts';

const NOTHING = { message: null, question: null, revoke: null, settle: null };

/** A record of send-requests. */
export const sendRequest = (
  workspace: string,
  body: Partial<Pick<SendRequest, keyof typeof NOTHING>>,
  log_time = 0,
): SendRequest => ({
  kind: Object.keys(body)[0] as SendRequest['kind'],
  ...{ workspace, log_time, input_offset: 0, ...NOTHING, ...body },
});

/** An SMS that is due at `dueMs` and stale after a minute. */
export const messageRequest = (
  requestId: string,
  dueMs: number,
  change: Partial<MessageRequest> = {},
): MessageRequest => ({
  request_id: requestId,
  flow_id: 'f',
  version: 1,
  run_id: `run-${requestId}`,
  node: 'remind',
  channel: 'sms',
  class: 'marketing',
  person_id: 1,
  cart_id: 'c',
  address: '+18085550143',
  due_at: dueMs,
  expires_at: dueMs + 60_000,
  content: JSON.stringify({ type: 'sms', text: 'Hi {{ person.first_name }}' }),
  code_pool: null,
  code_index: null,
  workspace_name: 'Green Leaf',
  person: { name: 'Jane Doe', phone: '+18085550143', email: null },
  cart: { store_id: null, store_name: null, mode: null, status: null, amount: null, products: null },
  event: { trait: 'cart_abandoned', status: '', occurred_at: 0 },
  ...change,
});

export const revocation = (requestId: string, reason: 'ended' | 'paused') => ({
  ...{ request_id: requestId, flow_id: 'f', run_id: `run-${requestId}`, node: 'remind', reason },
});

/**
 * Whether somebody is in an audience: person 1 has a trait event, and so have those with a former id; others as
 * `appendTrait` has reported last.
 */
export const flowQuestion = (questionId: string, personId: number, now: number): FlowQuestion => ({
  ...{ question_id: questionId, flow_id: 'f', run_id: `run-${questionId}`, node: null, what: 'audience' },
  ...{ audience: JSON.stringify({ trait: 'cart_abandoned' }), person_id: personId, now, time_zone: 'UTC' },
});

const hasAtFirst = (personId: number): boolean => personId === 1 || MERGED_PEOPLE.includes(personId);

/** A call of the provider. */
export interface SimulatedCall {
  requestId: string;
  atMs: number;
  result: CallResult['name'];
}

/** A record of trait-events about a person's only trait event. */
interface Said {
  workspace: string;
  personId: number;
  isAsserted: boolean;
  offset: number;
  /** When its transaction was committed. */
  atMs: number;
}

interface Place {
  process: SimulatedProcess;
  group: PartitionGroup | null;
}

/** People who have a trait event under the id of somebody who was merged into them. */
export const MERGED_PEOPLE = [101, 102, 103, 104, 105, 106, 107, 108];
export const formerIdOf = (personId: number): number => personId + 100;

const PARTITIONS = 2;
/** The producer of trait-events. */
const PRODUCER = 1_000;
const codecs = {
  requests: localCodec<SendRequest>(TOPICS.sendRequests),
  inputs: localCodec<FlowInput>(TOPICS.flowInputs),
  outcomes: localCodec<Outcome>(TOPICS.traitEvents),
};

/** Processes of the service on a simulated Kafka, before a provider and stages that are pretended. */
export class SimulatedDelivery {
  readonly loop = new EventLoop();
  readonly broker: SimulatedBroker;
  readonly places: Place[] = [];
  readonly calls: SimulatedCall[] = [];
  readonly log: string[] = [];
  /** The chance of a fault for each request. */
  faultChance = 0;
  /** What the provider answers next. */
  resultOf: (requestId: string) => CallResult = () => ({ name: 'sent' });
  /** How long a call takes, in ms. */
  callMs = 10;
  /** How long the code of a message is looked up. */
  codeMs = 0;
  ratePerSecond: number | null = null;
  retriesUnknown = false;
  /** How long the stages take to pass what was accepted. */
  stagesMs = 100;
  /** ClickHouse answers. */
  isClickHouseUp = true;
  /** How long it takes until ClickHouse holds records that were committed. */
  sinkMs = (): number => this.random.below(300);
  readonly said: Said[] = [];
  /** How often people were read from ClickHouse. */
  readings = 0;
  private readonly openTransactions: (Omit<Said, 'atMs'>[] | undefined)[] = [];
  private readonly storedOffsets = Array.from({ length: PARTITIONS }, () => 0);
  private readonly network: Network;
  private started = 0;

  constructor(private readonly random: Random) {
    this.broker = new SimulatedBroker({ loop: this.loop, random });
    for (const topic of [TOPICS.sendRequests, TOPICS.flowInputs, TOPICS.traitEvents, changelogOf(STAGE)]) {
      this.broker.createTopic(topic, PARTITIONS);
    }
    this.network = new Network({ loop: this.loop, random, faultOf: () => this.fault() });
  }

  private fault(): RequestFault | null {
    if (!this.random.chance(this.faultChance)) return null;
    return this.random.pick<RequestFault>([
      { kind: 'refuse' },
      { kind: 'lose reply', silent: this.random.chance(0.2) },
      { kind: 'delay', ms: this.random.below(7_000) },
      { kind: 'delay reply', ms: this.random.below(7_000) },
    ]);
  }

  get wallMs(): number {
    return START_WALL_MS + this.loop.nowMs;
  }

  append(record: SendRequest): void {
    const { workspace } = record;
    const log = this.broker.logs(TOPICS.sendRequests)[partitionFor(workspace, PARTITIONS)]!;
    const value = codecs.requests.encode({ ...record, log_time: record.log_time || this.wallMs });
    log.append({ timestampMs: this.wallMs, key: Buffer.from(workspace), value, headers: {} }, null);
  }

  /**
   * Asserts or retracts the trait event of a person, in the open transaction or in one that takes `openMs`. `movedFrom`: the
   * person who had it before.
   */
  appendTrait(
    workspace: string,
    personId: number,
    isAsserted: boolean,
    { openMs = 0, movedFrom = null }: { openMs?: number; movedFrom?: number | null } = {},
  ): void {
    const partition = partitionFor(workspace, PARTITIONS);
    const log = this.broker.logs(TOPICS.traitEvents)[partition]!;
    const event = traitFacts('e', 1, { retracted_at: isAsserted ? null : 2 });
    const value = codecs.outcomes.encode(traitOutcome(workspace, personId, event, { moved_from: movedFrom }));
    const open = this.openTransactions[partition];
    const producer = open !== undefined || openMs > 0 ? PRODUCER : null;
    const record = { timestampMs: this.wallMs, key: Buffer.from(workspace), value, headers: {} };
    const offset = log.append(record, producer);
    const said = [{ workspace, personId, isAsserted, offset }];
    const former = MERGED_PEOPLE.find((id) => formerIdOf(id) === movedFrom) ?? movedFrom;
    if (former !== null) said.unshift({ workspace, personId: former, isAsserted: false, offset });
    if (open !== undefined) open.push(...said);
    else if (openMs === 0) this.committed(log, said);
    else {
      const begun = (this.openTransactions[partition] = said);
      this.loop.schedule(openMs, 'a transaction is committed', () => {
        this.openTransactions[partition] = undefined;
        log.mark(PRODUCER, true);
        this.committed(log, begun);
      });
    }
  }

  /** Appends a record that cannot be decoded. */
  appendDamage(workspace: string): void {
    const log = this.broker.logs(TOPICS.traitEvents)[partitionFor(workspace, PARTITIONS)]!;
    const offset = log.append(
      { timestampMs: this.wallMs, key: Buffer.from(workspace), value: Buffer.from('{}'), headers: {} },
      null,
    );
    this.committed(log, [{ workspace, personId: 0, isAsserted: false, offset }]);
  }

  private committed(log: SimulatedLog, said: readonly Omit<Said, 'atMs'>[]): void {
    const { storedOffsets } = this;
    for (const record of said) this.said.push({ ...record, atMs: this.wallMs });
    this.loop.schedule(this.sinkMs(), 'ClickHouse holds records', () => {
      storedOffsets[log.partition] = Math.max(storedOffsets[log.partition]!, log.lastStableOffset);
    });
  }

  /** What the records of a person have said from one time to another. */
  saidBetween(workspace: string, personId: number, fromMs: number, toMs: number): boolean[] {
    const of = this.said.filter((said) => said.workspace === workspace && said.personId === personId);
    const before = of.filter(({ atMs }) => atMs <= fromMs).at(-1)?.isAsserted ?? hasAtFirst(personId);
    return [before, ...of.filter(({ atMs }) => atMs > fromMs && atMs <= toMs).map(({ isAsserted }) => isAsserted)];
  }

  /** The person as ClickHouse holds them now. */
  private factsOf(workspace: string, personId: number) {
    const stored = this.storedOffsets[partitionFor(workspace, PARTITIONS)]!;
    const of = this.said.filter(
      (said) => said.workspace === workspace && said.personId === personId && said.offset < stored,
    );
    const isAsserted = of.at(-1)?.isAsserted ?? hasAtFirst(personId);
    return {
      ...{ personId, firstAtMs: 0, anonymous: personId > 1, carts: [] },
      formerIds: MERGED_PEOPLE.includes(personId) ? [formerIdOf(personId)] : [],
      traitEvents: isAsserted ? [traitFacts('e', 1)] : [],
    };
  }

  start(): Place {
    const { loop, broker, network, random } = this;
    const process = loop.process(`delivery#${++this.started}`, 0);
    const place: Place = { process, group: null };
    this.places.push(place);
    const { clock } = process;
    const say = (line: string): void => void this.log.push(`${process.name} ${line}`);
    loop.schedule(0, `${process.name} starts`, () => {
      const kafka = simulatedKafka({ process, broker, network, random });
      place.group = startDelivery({
        ...{ kafka, producer: kafka.createProducer() },
        codecs,
        renderer: {
          render: async ({ template, context }) => {
            await clock.sleep(1);
            if (template.channel !== 'sms') throw new TemplateError('only SMS here');
            return { channel: 'sms', text: `${template.text} ${context.code ?? ''}` };
          },
          close: () => Promise.resolve(),
        },
        channelOf: () => ({
          provider: { send: ({ requestId }) => this.send(process, requestId) },
          ratePerSecond: this.ratePerSecond,
          retriesUnknown: this.retriesUnknown,
        }),
        codeOf: async (_workspace, pool, index) => {
          if (this.codeMs > 0) await clock.sleep(this.codeMs);
          return pool === 'empty' ? null : `${pool}-${index}`;
        },
        untilStored: async (partition, offset) => {
          do await clock.sleep(20);
          while (this.storedOffsets[partition]! < offset);
          return this.storedOffsets[partition]!;
        },
        facts: async (workspace, ids) => {
          const facts = new Map(ids.map((id) => [id, this.factsOf(workspace, id)]));
          await clock.sleep(5);
          if (!this.isClickHouseUp) throw new Error('ClickHouse does not answer');
          this.readings++;
          return facts;
        },
        upstream: () => [
          {
            name: 'carts',
            partitions: undefined,
            pass: () => clock.sleep(this.stagesMs),
            ask: () => Promise.resolve([]),
          },
        ],
        logger: pino({ level: 'warn' }, { write: say }),
        metrics: new Registry(),
        healthUrl: null,
        clock,
      });
    });
    return place;
  }

  private async send({ clock }: SimulatedProcess, requestId: string): Promise<CallResult> {
    const result = this.resultOf(requestId);
    this.calls.push({ requestId, atMs: this.wallMs, result: result.name });
    await clock.sleep(this.callMs);
    return result;
  }

  /** Stops it as planned; what has not stopped after half a minute is killed. */
  stop(place: Place): void {
    this.places.splice(this.places.indexOf(place), 1);
    const kill = (): void => place.process.kill();
    void place.group?.stop().then(kill);
    this.loop.schedule(30_000, 'a stop ends', kill);
  }

  /** From now on the provider sends, refuses for a while, or leaves it unknown. */
  answerAtRandom(): void {
    const { random } = this;
    this.resultOf = () =>
      random.pick<CallResult>([
        { name: 'sent' },
        { name: 'sent' },
        { name: 'not_sent', reason: '429', retryAfterMs: random.below(3_000) },
        { name: 'unknown', reason: '503' },
      ]);
  }

  /** Kills, stops or freezes a process, each with this chance. Another one starts in place of one that has ended. */
  disturb(chance: number): void {
    const { random } = this;
    const place = random.pick(this.places);
    if (random.chance(chance)) {
      this.kill(place);
      this.start();
    }
    if (random.chance(chance)) {
      this.stop(random.pick(this.places));
      this.start();
    }
    if (random.chance(chance)) {
      place.process.freeze();
      this.loop.schedule(random.below(20_000), 'thaws', () => place.process.thaw());
    }
  }

  kill(place: Place): void {
    place.process.kill();
    this.places.splice(this.places.indexOf(place), 1);
  }

  /** The committed records of flow-inputs, partition by partition. */
  inputs(): FlowInput[] {
    return this.broker
      .logs(TOPICS.flowInputs)
      .flatMap((log) =>
        log.read(0, 'read_committed', Infinity).records.map(({ value }) => codecs.inputs.decode(value!)),
      );
  }

  /** The outcomes of a message. */
  outcomesOf(requestId: string): string[] {
    return this.inputs().flatMap(({ outcome }) =>
      outcome?.request_id === requestId ? [[outcome.what, outcome.reason].filter(Boolean).join(' ')] : [],
    );
  }

  callsOf(requestId: string): SimulatedCall[] {
    return this.calls.filter((call) => call.requestId === requestId);
  }
}

/** One process, which has its partitions. */
export async function running(): Promise<SimulatedDelivery> {
  const world = new SimulatedDelivery(randomFrom(1));
  world.start();
  await world.loop.run(10_000);
  return world;
}

export const request = (
  world: SimulatedDelivery,
  id: string,
  change: Parameters<typeof messageRequest>[2] = {},
): void => world.append(sendRequest('acme', { message: messageRequest(id, world.wallMs, change) }));
export const revoke = (world: SimulatedDelivery, id: string, reason: 'ended' | 'paused'): void =>
  world.append(sendRequest('acme', { revoke: revocation(id, reason) }));
