import { randomFrom, type Random } from '../../lib/carts/testing/random.ts';
import { SimulatedBroker } from '../../lib/kafka/testing/broker.ts';
import { EventLoop, START_WALL_MS, type SimulatedProcess } from '../../lib/kafka/testing/event-loop.ts';
import { Network, type RequestFault, type RequestKind } from '../../lib/kafka/testing/network.ts';
import { partitionFor } from '../../lib/kafka/murmur2.ts';
import { changelogOf } from '../../lib/topics.ts';
import { FenceCheck, InvariantError, SinkCheck, StreamsCheck } from './checks.ts';
import { SimulatedClickHouse } from './clickhouse.ts';
import { describeFault, type Fault, type Plan } from './faults.ts';
import { PRODUCT_RULES, runtimeService, sinkService, type Rules, type Running, type StartService } from './services.ts';
import { INPUT, OUTPUT, TOPOLOGY_NAME, toBytes, type SimulatedEvent } from './topology.ts';

/** A stop that takes longer hangs. */
const STOP_WITHIN_MS = 30_000;

export interface HistoryLine {
  text: string;
  isRoutine: boolean;
}

/** A service that is started again whenever it has ended. */
interface Place {
  name: string;
  start: StartService;
  lives: number;
  process: SimulatedProcess | null;
  running: Running | null;
}

/** Everything of one run: the servers, the processes, the input, and the faults of the plan. */
export class World {
  readonly loop = new EventLoop();
  readonly broker: SimulatedBroker;
  readonly streams: StreamsCheck;
  readonly sink: SinkCheck;
  readonly fences = new FenceCheck();
  readonly clickHouse: SimulatedClickHouse;
  readonly history: HistoryLine[] = [];
  /** Faults that took effect. */
  faultsMet = 0;
  private readonly random: Random;
  private readonly network: Network;
  private readonly places: Place[];
  /** Faults of requests whose time has come and that no request has met. */
  private readonly waiting: Fault[] = [];
  private fed = 0;
  private isHealed = false;

  constructor(
    private readonly plan: Plan,
    rules: Rules = PRODUCT_RULES,
    isVerbose = false,
  ) {
    const { loop } = this;
    const random = (this.random = randomFrom(plan.seed ^ 0x5bd1e995));
    this.broker = new SimulatedBroker({
      loop,
      random,
      onTransactionEnd: (end) => this.checked(() => this.streams.transactionEnded(end)),
    });
    this.broker.createTopic(INPUT, plan.partitions);
    this.broker.createTopic(OUTPUT, plan.outputPartitions);
    this.network = new Network({ loop, random, faultOf: (process, kind) => this.faultOf(process, kind) });
    this.clickHouse = new SimulatedClickHouse({
      nowMs: () => loop.nowMs,
      network: this.network,
      onConflict: (table, id) => loop.fail(new InvariantError(`${table} has two rows for ${id}`)),
      onInsert: (table, row) => this.checked(() => this.sink.inserted(table, row)),
      onLedger: () => this.checked(() => this.sink.ledgerChanged()),
    });
    this.streams = new StreamsCheck(this.broker);
    this.sink = new SinkCheck(this.broker, this.clickHouse);
    const { broker, network, clickHouse, fences } = this;
    const deps = {
      ...{ loop, broker, network, random, clickHouse, fences, rules, isVerbose },
      limits: plan.limits,
      note: (text: string, isRoutine?: boolean) => this.note(text, isRoutine),
    };
    const place = (name: string, start: StartService): Place => ({
      name,
      start,
      lives: 0,
      process: null,
      running: null,
    });
    this.places = [
      ...Array.from({ length: plan.runtimes }, (_, i) => place(`runtime-${i}`, runtimeService(deps))),
      ...Array.from({ length: plan.sinks }, (_, i) => place(`sink-${i}`, sinkService(deps, plan.outputPartitions))),
    ];
  }

  /** Schedules everything of the plan. */
  begin(): void {
    for (const place of this.places) this.start(place, this.random.below(500));
    this.feedLater();
    for (const fault of this.plan.faults) {
      this.loop.schedule(fault.atMs, fault.kind, () => this.meet(fault));
    }
    this.loop.schedule(this.plan.faultsEndMs, 'faults end', () => this.heal());
  }

  /** The input has ended, all of it is handled, and all that came of it is in ClickHouse. */
  isDone(): boolean {
    const { loop } = this;
    if (!this.isHealed || !this.streams.isDone(START_WALL_MS + loop.nowMs) || !this.sink.isDone()) return false;
    return this.isReported('runtime', INPUT) && this.isReported('sink', OUTPUT);
  }

  /** All processes are ready, and each partition is reported by one of them, read to its end. */
  private isReported(service: string, topic: string): boolean {
    const running = this.places.filter(({ name }) => name.startsWith(service)).map((place) => place.running);
    const positions = running.flatMap((place) => place?.positions() ?? []);
    const ends = this.broker.logs(topic).map((log) => log.highWatermark);
    return (
      running.every((place) => place?.ready() === true) &&
      positions.length === ends.length &&
      positions.every(({ partition, position, state }) => state === 'running' && position === ends[partition])
    );
  }

  /** Routine lines are left out of a shortened history, except the last ones. */
  note(text: string, isRoutine = false): void {
    this.history.push({ text: `${(this.loop.nowMs / 1_000).toFixed(3)} s ${text}`, isRoutine });
  }

  private checked(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.loop.fail(error as Error);
    }
  }

  private start(place: Place, afterMs: number): void {
    this.loop.schedule(afterMs, `${place.name} starts`, () => {
      if (place.process !== null) return;
      const skewMs = this.plan.skewsMs[this.places.indexOf(place)];
      const process = this.loop.process(`${place.name}#${++place.lives}`, skewMs);
      place.process = process;
      this.note(`${process.name} starts`);
      void place.start(process).then((running) => {
        if (place.process === process) place.running = running;
      });
    });
  }

  private end(place: Place): void {
    place.process?.kill();
    place.process = null;
    place.running = null;
  }

  private kill(place: Place, forMs: number): void {
    if (place.process === null) return;
    this.note(`${place.process.name} is killed for ${forMs} ms`);
    this.end(place);
    this.start(place, forMs);
  }

  private freeze(place: Place, forMs: number): void {
    const { process } = place;
    if (process === null) return;
    this.note(`${process.name} is frozen for ${forMs} ms`);
    process.freeze();
    this.loop.schedule(forMs, `${process.name} thaws`, () => this.thaw(process));
  }

  private thaw(process: SimulatedProcess): void {
    if (process.state !== 'frozen') return;
    this.note(`${process.name} thaws`);
    process.thaw();
  }

  private stop(place: Place, forMs: number): void {
    const { process, running } = place;
    if (process === null || running === null || process.state === 'frozen') return;
    this.note(`${process.name} is told to stop`);
    place.running = null;
    let hasStopped = false;
    void running.stop().then(() => {
      hasStopped = true;
      this.note(`${process.name} has stopped`);
      this.end(place);
      this.start(place, forMs);
    });
    let patience = 2;
    const hangs = (): void => {
      if (hasStopped || process.state === 'dead') return;
      // It may have been frozen meanwhile.
      if (process.state === 'frozen' || patience-- > 0) this.loop.schedule(STOP_WITHIN_MS, 'stopping?', hangs);
      else this.loop.fail(new InvariantError(`${process.name} does not stop`));
    };
    this.loop.schedule(STOP_WITHIN_MS, 'stopping?', hangs);
  }

  private cutOff(process: SimulatedProcess, from: 'all' | 'group', forMs: number): void {
    this.note(`${process.name} is cut off from ${from === 'all' ? 'all servers' : 'its coordinator'} for ${forMs} ms`);
    this.network.cutOff.set(process, from);
    this.loop.schedule(forMs, `${process.name} is connected`, () => this.network.cutOff.delete(process));
  }

  private meet(fault: Fault): void {
    if (this.isHealed) return;
    switch (fault.kind) {
      case 'request':
      case 'kill at':
      case 'freeze at':
        this.waiting.push(fault);
        return;
      case 'partial insert':
        this.clickHouse.partialInserts++;
        break;
      case 'power loss':
        this.note('ClickHouse loses blocks');
        for (const place of this.places.filter(({ name }) => name.startsWith('sink'))) this.kill(place, fault.forMs);
        this.clickHouse.loseBlocks(this.random);
        this.sink.forget();
        break;
      case 'retention':
        this.retain();
        break;
      case 'compaction':
        for (const log of this.broker.logs(changelogOf(TOPOLOGY_NAME))) log.compact();
        break;
      default:
        this.meetProcess(fault);
    }
    this.faultsMet++;
  }

  private retain(): void {
    const committed = this.broker.committedOffsets(TOPOLOGY_NAME, INPUT);
    for (const log of this.broker.logs(INPUT)) log.deleteBefore(committed[log.partition]?.offset ?? 0);
    // What ClickHouse may lose must still be there to be read again.
    if (this.plan.faults.some(({ kind }) => kind === 'power loss')) return;
    for (const log of this.broker.logs(OUTPUT)) log.deleteBefore(this.sink.endOf(log.partition));
  }

  private meetProcess(fault: Extract<Fault, { process: number }>): void {
    const place = this.places[fault.process];
    if (place === undefined || place.process === null) return;
    switch (fault.kind) {
      case 'kill':
        return this.kill(place, fault.forMs);
      case 'freeze':
        return this.freeze(place, fault.forMs);
      case 'cut off':
        return this.cutOff(place.process, fault.from, fault.forMs);
      case 'stop':
        return this.stop(place, fault.forMs);
      case 'rejoin':
        this.note(`${place.process.name} asks for a new generation`);
        return place.running?.rejoin();
    }
  }

  /** What the next request of a kind meets, if a fault waits for it. */
  private faultOf(process: SimulatedProcess, kind: RequestKind): RequestFault | null {
    const place = this.places.findIndex((candidate) => candidate.process === process);
    const meets = (fault: Fault): boolean =>
      'request' in fault && fault.request === kind && (!('process' in fault) || fault.process === place);
    const index = this.waiting.findIndex(meets);
    const fault = this.waiting[index];
    if (fault === undefined || !('request' in fault)) return null;
    this.waiting.splice(index, 1);
    this.faultsMet++;
    if (fault.kind === 'request') {
      this.note(`${process.name} ${kind}: ${JSON.stringify(fault.fault)}`);
      return fault.fault;
    }
    const { forMs } = fault;
    const sender = this.places[place];
    if (sender === undefined) return null;
    this.note(`${process.name} sends ${kind}`);
    this.loop.schedule(0, fault.kind, () => {
      if (sender.process !== process) return;
      if (fault.kind === 'kill at') this.kill(sender, forMs);
      else this.freeze(sender, forMs);
    });
    return null;
  }

  /** From here on nothing goes wrong any more, and no input comes. */
  private heal(): void {
    this.note('faults end');
    this.isHealed = true;
    this.waiting.length = 0;
    this.clickHouse.partialInserts = 0;
    this.network.cutOff.clear();
    for (const { process } of this.places) if (process !== null) this.thaw(process);
  }

  private feedLater(): void {
    const pauseMs = this.random.below(2 * this.plan.feedPauseMs);
    this.loop.schedule(pauseMs, 'input', () => {
      if (this.isHealed) return;
      this.feed();
      this.feedLater();
    });
  }

  /** Some records; now and then in a transaction, which is committed or aborted later. */
  private feed(): void {
    const { random, broker } = this;
    const id = this.fed++;
    const records = Array.from({ length: 1 + random.below(4) }, () => this.drawRecord());
    if (random.chance(0.8)) return broker.produce(-1 - id, 0, records);
    const { transactions } = broker;
    const producer = transactions.init(`feeder-${id}`, 60_000);
    transactions.addPartitions(
      producer,
      records.map(({ topic, partition }) => broker.log(topic, partition)),
    );
    broker.produceInTransaction(producer, 0, records);
    const isCommitted = random.chance(0.6);
    this.loop.schedule(random.below(600), 'input ends its transaction', () => transactions.end(producer, isCommitted));
  }

  private drawRecord() {
    const { random, plan } = this;
    const key = `key-${random.below(plan.keys)}`;
    const nowMs = START_WALL_MS + this.loop.nowMs;
    const event: SimulatedEvent = {
      at: nowMs - random.below(200),
      op: random.chance(0.1) ? 'forget' : 'count',
      ...(random.chance(0.3) ? { due: nowMs + random.below(6_000) - 500 } : {}),
      ...(random.chance(0.1) ? { op: 'work', steps: 1 + random.below(6) } : {}),
    };
    return { topic: INPUT, partition: partitionFor(key, plan.partitions), key, value: toBytes(event) };
  }
}

export function describePlan(plan: Plan): string {
  const { faults, ...rest } = plan;
  return [JSON.stringify(rest), ...faults.map(describeFault)].join('\n');
}
