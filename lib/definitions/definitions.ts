import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Definition } from '../../schemas/types.ts';
import type { Codec, Registry } from '../avro/index.ts';
import { HttpProblem } from '../http/index.ts';
import type { Kafka, Producer, Reader } from '../kafka/types.ts';
import { TOPICS, topicSpecs } from '../topics.ts';
import type { Bodies, EntityKind, Folded, Key, Subscription, Workspace } from './entities.ts';
import { DefinitionsFold, type FoldResult } from './fold.ts';
import { hashOf, matchesHash, tryUnseal } from './secrets.ts';

/** Somebody else changed it in between, or the id is taken. Answers 409. */
export class ConflictError extends HttpProblem {
  constructor(detail: string, options: { currentVersion?: number | undefined } = {}) {
    const { currentVersion } = options;
    super(409, detail, currentVersion === undefined ? {} : { extensions: { current_version: currentVersion } });
    this.name = 'ConflictError';
  }
}

export interface Append<K extends EntityKind> {
  entity: K;
  workspace: string;
  id: string;
  /** 0: must not exist yet. */
  expectedVersion: number;
  /** Null deletes. */
  body: Bodies[K] | null;
}

export interface Definitions {
  workspace(id: string): Workspace | undefined;
  subscription(id: string): Subscription | undefined;
  /** The key that was presented, compared in constant time. */
  key(presented: string): Key | undefined;
  list<K extends EntityKind>(kind: K, workspace?: string): Folded<K>[];
  get<K extends EntityKind>(kind: K, id: string): Folded<K> | undefined;
  /** As their namesakes, but on a miss first read the topic to its end: use these for what a client names. */
  find<K extends EntityKind>(kind: K, id: string): Promise<Folded<K> | undefined>;
  findWorkspace(id: string): Promise<Workspace | undefined>;
  findSubscription(id: string): Promise<Subscription | undefined>;
  findKey(presented: string): Promise<Key | undefined>;
  /** Resolves once everything that was in the topic at the call is folded. Shared by calls, at most 50 a second. */
  fresh(): Promise<void>;
  /** Writes and waits until its own record is folded. Throws ConflictError; HttpProblem 503 when the outcome is unknown. */
  append<K extends EntityKind>(change: Append<K>): Promise<Folded<K> | undefined>;
  /** Called after each accepted record. */
  onChange(listener: (kind: EntityKind, id: string) => void): void;
  stop(): Promise<void>;
}

export interface DefinitionsOptions {
  kafka: Pick<Kafka, 'ensureTopics' | 'endOffsets' | 'createReader' | 'createProducer'>;
  registry: Registry;
  logger: { warn(fields: object, message: string): void };
  /** 32 bytes; without it the signing secrets cannot be read. */
  secretKey?: Buffer;
  now?: () => number;
}

const FRESH_INTERVAL_MS = 20;
const FRESH_TIMEOUT_MS = 10_000;
const POLL_MS = 1000;
const RETRY_MS = 500;

/** Ensures the topic, reads it to its end, then tails it. Resolves when it has reached the end. */
export async function createDefinitions(options: DefinitionsOptions): Promise<Definitions> {
  const { kafka, registry } = options;
  await kafka.ensureTopics([topicSpecs({ partitions: 1, logRetentionDays: 1 })[TOPICS.definitions]]);
  const codec = await registry.codec<Definition>(TOPICS.definitions);
  const tail = new Tail(options, codec);
  tail.start();
  await tail.fresh();
  return new TailedDefinitions(options, codec, tail);
}

interface Waiter {
  offset: number;
  resolve: () => void;
}

/** Follows the one partition and folds it; knows how far it is. */
class Tail {
  readonly fold = new DefinitionsFold();
  readonly results = new Map<string, (result: FoldResult) => void>();
  readonly listeners: ((kind: EntityKind, id: string) => void)[] = [];
  #position = 0;
  #waiters: Waiter[] = [];
  #stopped = false;
  #running: Promise<void> | undefined;
  #pending: Promise<void> | undefined;
  /** Since the process began: a clock that is set back must keep nobody waiting. */
  #askedAtMs = -Infinity;

  constructor(
    readonly options: DefinitionsOptions,
    readonly codec: Codec<Definition>,
  ) {}

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** A call may share the question of another one only while that has not been put yet. */
  fresh(): Promise<void> {
    this.#pending ??= this.#ask();
    return this.#pending;
  }

  async #ask(): Promise<void> {
    await sleep(Math.max(0, this.#askedAtMs + FRESH_INTERVAL_MS - performance.now()));
    this.#pending = undefined;
    this.#askedAtMs = performance.now();
    const [end = 0] = await this.options.kafka.endOffsets(TOPICS.definitions);
    await this.#reach(end);
  }

  #reach(offset: number): Promise<void> {
    if (this.#position >= offset) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((w) => w !== waiter);
        reject(
          new HttpProblem(503, 'the definitions cannot be read now; try again', { headers: { 'retry-after': '2' } }),
        );
      }, FRESH_TIMEOUT_MS);
      const waiter: Waiter = {
        offset,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.#waiters.push(waiter);
    });
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      let reader: Reader | undefined;
      try {
        reader = this.options.kafka.createReader({ isolation: 'read_committed' });
        reader.assign([{ topic: TOPICS.definitions, partition: 0, offset: this.#position }]);
        while (!this.#stopped) await this.#take(reader);
      } catch (error) {
        this.options.logger.warn({ err: error }, 'reading the definitions failed; trying again');
        await sleep(RETRY_MS);
      } finally {
        await reader?.close();
      }
    }
  }

  async #take(reader: Reader): Promise<void> {
    for (const batch of await reader.poll(POLL_MS)) {
      await this.codec.load(batch.records.flatMap((record) => (record.value ? [record.value] : [])));
      for (const { offset, value } of batch.records) {
        if (offset >= this.#position && value) this.#apply(value, offset);
      }
      this.#position = Math.max(this.#position, batch.nextOffset);
      const reached = this.#waiters.filter((waiter) => waiter.offset <= this.#position);
      this.#waiters = this.#waiters.filter((waiter) => waiter.offset > this.#position);
      for (const waiter of reached) waiter.resolve();
    }
  }

  /** A record that cannot be read is refused, as at every other reader. */
  #apply(value: Buffer, offset: number): void {
    let record: Definition;
    try {
      record = this.codec.decode(value);
    } catch (error) {
      this.options.logger.warn({ err: error, offset }, 'a definition cannot be decoded; it is skipped');
      return;
    }
    const result = this.fold.apply(record);
    this.results.get(record.record_id)?.(result);
    if (result === 'accepted') for (const listener of this.listeners) listener(record.entity, record.id);
  }
}

class TailedDefinitions implements Definitions {
  readonly #subscriptions = new WeakMap<object, Subscription>();
  readonly #fold: DefinitionsFold;
  readonly #now: () => number;
  #producer: Producer | undefined;

  constructor(
    readonly options: DefinitionsOptions,
    readonly codec: Codec<Definition>,
    readonly tail: Tail,
  ) {
    this.#fold = tail.fold;
    this.#now = options.now ?? Date.now;
  }

  workspace(id: string): Workspace | undefined {
    return this.#fold.get('workspace', id);
  }

  get<K extends EntityKind>(kind: K, id: string): Folded<K> | undefined {
    return this.#fold.get(kind, id);
  }

  list<K extends EntityKind>(kind: K, workspace?: string): Folded<K>[] {
    return this.#fold.list(kind).filter((value) => workspace === undefined || value.workspace === workspace);
  }

  key(presented: string): Key | undefined {
    const key = this.#fold.keyByHash(hashOf(presented));
    return key && matchesHash(presented, key.hash) ? key : undefined;
  }

  subscription(id: string): Subscription | undefined {
    const folded = this.#fold.get('subscription', id);
    if (!folded) return undefined;
    let subscription = this.#subscriptions.get(folded);
    if (!subscription) {
      subscription = withSecrets(folded, this.options);
      this.#subscriptions.set(folded, subscription);
    }
    return subscription;
  }

  async find<K extends EntityKind>(kind: K, id: string): Promise<Folded<K> | undefined> {
    return this.#nowOrFresh(() => this.get(kind, id));
  }

  async findWorkspace(id: string): Promise<Workspace | undefined> {
    return this.find('workspace', id);
  }

  async findSubscription(id: string): Promise<Subscription | undefined> {
    return this.#nowOrFresh(() => this.subscription(id));
  }

  async findKey(presented: string): Promise<Key | undefined> {
    return this.#nowOrFresh(() => this.key(presented));
  }

  async #nowOrFresh<T>(look: () => T | undefined): Promise<T | undefined> {
    return look() ?? (await this.fresh(), look());
  }

  fresh(): Promise<void> {
    return this.tail.fresh();
  }

  onChange(listener: (kind: EntityKind, id: string) => void): void {
    this.tail.listeners.push(listener);
  }

  async append<K extends EntityKind>(change: Append<K>): Promise<Folded<K> | undefined> {
    const { entity, id, expectedVersion, body } = change;
    if (this.#fold.versionOf(entity, id) !== expectedVersion) await this.fresh();
    if (this.#fold.versionOf(entity, id) !== expectedVersion) throw this.#conflict(entity, id, expectedVersion);
    const record: Definition = {
      record_id: randomUUID(),
      entity,
      workspace: change.workspace,
      id,
      expected_version: expectedVersion,
      deleted: body === null,
      body: body === null ? '' : JSON.stringify(body),
      at: this.#now(),
    };
    if ((await this.#write(record)) === 'refused') throw this.#conflict(entity, id, expectedVersion);
    return this.#fold.get(entity, id);
  }

  async stop(): Promise<void> {
    await this.tail.stop();
    await this.#producer?.close();
  }

  async #write(record: Definition): Promise<FoldResult> {
    this.#producer ??= this.options.kafka.createProducer();
    const producer = this.#producer;
    let timer: NodeJS.Timeout | undefined;
    const folded = new Promise<FoldResult>((resolve, reject) => {
      timer = setTimeout(() => reject(unknownOutcome()), FRESH_TIMEOUT_MS);
      this.tail.results.set(record.record_id, resolve);
    });
    // A send that fails leaves nobody waiting for this one.
    folded.catch(() => undefined);
    try {
      const key = `${record.entity}:${record.id}`;
      const value = this.codec.encode(record);
      await producer.send({ topic: TOPICS.definitions, key, value, partition: 0 });
      return await folded;
    } finally {
      clearTimeout(timer);
      this.tail.results.delete(record.record_id);
    }
  }

  #conflict(entity: EntityKind, id: string, expected: number): ConflictError {
    const currentVersion = this.#fold.versionOf(entity, id);
    if (expected === 0) return new ConflictError(`there is already a ${entity} with the id ${id}`, { currentVersion });
    if (currentVersion === undefined || currentVersion === 0) return new ConflictError(`the ${entity} was deleted`);
    return new ConflictError(`the ${entity} was changed by somebody else: it is at version ${currentVersion} now`, {
      currentVersion,
    });
  }
}

const unknownOutcome = (): HttpProblem =>
  new HttpProblem(503, 'it is not known yet whether the change was taken; look, then try again', {
    headers: { 'retry-after': '2' },
  });

/** `secret` is undefined of one that was sealed under another secret key than this installation has now. */
interface OpenedSecret {
  secret: string | undefined;
  validUntil: number;
}

function withSecrets(folded: Folded<'subscription'>, { secretKey, logger }: DefinitionsOptions): Subscription {
  let all: OpenedSecret[] | undefined;
  const open = (): OpenedSecret[] => {
    const opened = folded.secrets.map(({ sealed, valid_until }) => ({
      secret: secretKey && tryUnseal(secretKey, sealed, folded.id),
      validUntil: valid_until ?? Infinity,
    }));
    const unreadable = opened.filter(({ secret }) => secret === undefined).length;
    if (unreadable > 0) {
      const fields = { subscription: folded.id, unreadable };
      logger.warn(fields, 'signing secrets cannot be read with this secret key: put back the old key, or rotate them');
    }
    return opened;
  };
  const validAt = (nowMs: number): OpenedSecret[] => (all ??= open()).filter(({ validUntil }) => validUntil > nowMs);
  return {
    ...folded,
    acceptsToken: (presented, nowMs) =>
      folded.tokens.reduce(
        (found, token) =>
          matchesHash(presented, token.hash) && (token.valid_until ?? Infinity) > nowMs ? true : found,
        false,
      ),
    signingSecrets: (nowMs) => validAt(nowMs).flatMap(({ secret }) => secret ?? []),
    hasUnreadableSecrets: (nowMs) => validAt(nowMs).some(({ secret }) => secret === undefined),
  };
}
