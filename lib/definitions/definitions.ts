import { randomUUID } from 'node:crypto';
import type { Definition } from '../../schemas/types.ts';
import type { Codec, Registry } from '../avro/index.ts';
import { NoAnswerError, within, type Clock } from '../clock/index.ts';
import { decodeEach, followTopic, type FollowOptions, type TopicFollower } from '../kafka/follow.ts';
import type { Kafka, Producer } from '../kafka/types.ts';
import { TOPICS, topicSpecs } from '../topics.ts';
import type { Bodies, EntityKind, Folded, Key, Subscription, Workspace } from './entities.ts';
import {
  ConflictError,
  DefinitionsUnavailableError,
  TooManyLiveAudiencesError,
  UnknownOutcomeError,
} from './errors.ts';
import { DefinitionsFold, LIVE_AUDIENCES_MAX, type DefinitionsFoldOptions, type FoldResult } from './fold.ts';
import { hashBytes, hashOf, matchesHash } from './secrets.ts';
import { withSecrets } from './subscription.ts';

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
  /** The key with this text, compared in constant time. */
  key(presented: string): Key | undefined;
  list<K extends EntityKind>(kind: K, workspace?: string): Folded<K>[];
  get<K extends EntityKind>(kind: K, id: string): Folded<K> | undefined;
  /** All versions, newest first; empty for kinds that are not in the option `versionsOf`. */
  versions<K extends EntityKind>(kind: K, id: string): Folded<K>[];
  /** One of `versions` by its number. */
  version<K extends EntityKind>(kind: K, id: string, version: number): Folded<K> | undefined;
  /**
   * The `find…` methods work like `get`, `workspace`, `subscription` and `key`, but on a miss they first read the topic
   * to its end. Use them for an id or key that a client sent. They throw what `fresh` throws.
   */
  find<K extends EntityKind>(kind: K, id: string): Promise<Folded<K> | undefined>;
  findWorkspace(id: string): Promise<Workspace | undefined>;
  findSubscription(id: string): Promise<Subscription | undefined>;
  findKey(presented: string): Promise<Key | undefined>;
  /**
   * Resolves once every record that was in the topic before this call is folded. Throws DefinitionsUnavailableError when
   * that takes more than 10 seconds, and KafkaUnavailableError.
   */
  fresh(): Promise<void>;
  /**
   * Writes a change and waits until it is folded. Resolves with the new value, or with undefined after a deletion. Throws
   * ConflictError, TooManyLiveAudiencesError, UnknownOutcomeError, and what `fresh` throws.
   */
  append<K extends EntityKind>(change: Append<K>): Promise<Folded<K> | undefined>;
  /** Called after each accepted record. */
  onChange(listener: (kind: EntityKind, id: string) => void): void;
  stop(): Promise<void>;
}

export interface DefinitionsOptions {
  kafka: FollowOptions['kafka'] & Pick<Kafka, 'ensureTopics' | 'createProducer'>;
  registry: Registry;
  logger: { warn(fields: object, message: string): void };
  /** 32 bytes; without it the signing secrets cannot be read. */
  secretKey?: Buffer;
  clock: Clock;
  /** Kinds of which `versions` answers all versions. None when left out. */
  versionsOf?: DefinitionsFoldOptions['versionsOf'];
}

const START_TIMEOUT_MS = 60_000;
const FRESH_TIMEOUT_MS = 10_000;

/**
 * Creates the topic if it is missing, reads it to its end and follows it from then on. Throws NoAnswerError when reading
 * to the end takes more than a minute, and KafkaUnavailableError.
 */
export async function createDefinitions(options: DefinitionsOptions): Promise<Definitions> {
  const { kafka, registry } = options;
  await kafka.ensureTopics([topicSpecs({ partitions: 1, logRetentionDays: 1 })[TOPICS.definitions]]);
  const definitions = new FollowedDefinitions(options, await registry.codec<Definition>(TOPICS.definitions));
  await definitions.open();
  return definitions;
}

class FollowedDefinitions implements Definitions {
  private readonly fold: DefinitionsFold;
  private readonly subscriptions = new WeakMap<object, Subscription>();
  private readonly listeners: ((kind: EntityKind, id: string) => void)[] = [];
  /** Own writes that are not folded yet, by record id. */
  private readonly pendingWrites = new Map<string, (result: FoldResult) => void>();
  private readonly follower: TopicFollower;
  private producer: Producer | undefined;

  constructor(
    private readonly options: DefinitionsOptions,
    private readonly codec: Codec<Definition>,
  ) {
    const { clock, kafka, logger, versionsOf = [] } = options;
    this.fold = new DefinitionsFold({ versionsOf });
    const onRecord = (record: Definition | null): void => {
      if (record !== null) this.apply(record);
    };
    const onBatch = decodeEach<Definition>({ codec, onRecord, logger });
    this.follower = followTopic({ kafka, topic: TOPICS.definitions, onBatch, logger, clock });
  }

  async open(): Promise<void> {
    try {
      await this.follower.caughtUp(START_TIMEOUT_MS);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  workspace(id: string): Workspace | undefined {
    return this.fold.get('workspace', id);
  }

  get<K extends EntityKind>(kind: K, id: string): Folded<K> | undefined {
    return this.fold.get(kind, id);
  }

  versions<K extends EntityKind>(kind: K, id: string): Folded<K>[] {
    return this.fold.versions(kind, id);
  }

  version<K extends EntityKind>(kind: K, id: string, version: number): Folded<K> | undefined {
    return this.fold.version(kind, id, version);
  }

  list<K extends EntityKind>(kind: K, workspace?: string): Folded<K>[] {
    return this.fold.list(kind).filter((value) => workspace === undefined || value.workspace === workspace);
  }

  key(presented: string): Key | undefined {
    const key = this.fold.keyByHash(hashOf(presented));
    return key && matchesHash(presented, hashBytes(key.hash)) ? key : undefined;
  }

  subscription(id: string): Subscription | undefined {
    const folded = this.fold.get('subscription', id);
    if (!folded) return undefined;
    let subscription = this.subscriptions.get(folded);
    if (!subscription) {
      subscription = withSecrets(folded, this.options);
      this.subscriptions.set(folded, subscription);
    }
    return subscription;
  }

  async find<K extends EntityKind>(kind: K, id: string): Promise<Folded<K> | undefined> {
    return this.nowOrFresh(() => this.get(kind, id));
  }

  async findWorkspace(id: string): Promise<Workspace | undefined> {
    return this.find('workspace', id);
  }

  async findSubscription(id: string): Promise<Subscription | undefined> {
    return this.nowOrFresh(() => this.subscription(id));
  }

  async findKey(presented: string): Promise<Key | undefined> {
    return this.nowOrFresh(() => this.key(presented));
  }

  private async nowOrFresh<T>(look: () => T | undefined): Promise<T | undefined> {
    return look() ?? (await this.fresh(), look());
  }

  async fresh(): Promise<void> {
    try {
      await this.follower.caughtUp(FRESH_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      throw new DefinitionsUnavailableError('the definitions cannot be read to their end', { cause: error });
    }
  }

  onChange(listener: (kind: EntityKind, id: string) => void): void {
    this.listeners.push(listener);
  }

  async append<K extends EntityKind>(change: Append<K>): Promise<Folded<K> | undefined> {
    const { entity, workspace, id, expectedVersion, body } = change;
    if (this.refusalOf(change) !== undefined) await this.fresh();
    const refusal = this.refusalOf(change);
    if (refusal !== undefined) throw refusal;
    const record: Definition = {
      record_id: randomUUID(),
      ...{ entity, workspace, id },
      expected_version: expectedVersion,
      deleted: body === null,
      body: body === null ? '' : JSON.stringify(body),
      at: this.options.clock.wallMs(),
    };
    const result = await this.write(record);
    if (result === 'refused') throw this.conflict(entity, id, expectedVersion);
    if (result === 'full') throw tooManyLive();
    return this.fold.get(entity, id);
  }

  async stop(): Promise<void> {
    await this.follower.stop();
    await this.producer?.close();
  }

  private apply(record: Definition): void {
    const result = this.fold.apply(record);
    this.pendingWrites.get(record.record_id)?.(result);
    if (result === 'accepted') for (const listener of this.listeners) listener(record.entity, record.id);
  }

  private async write(record: Definition): Promise<FoldResult> {
    this.producer ??= this.options.kafka.createProducer();
    const folded = new Promise<FoldResult>((resolve) => this.pendingWrites.set(record.record_id, resolve));
    try {
      const key = `${record.entity}:${record.id}`;
      const value = this.codec.encode(record);
      await this.producer.send({ topic: TOPICS.definitions, key, value, partition: 0 });
      return await within(folded, FRESH_TIMEOUT_MS, this.options.clock);
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      throw new UnknownOutcomeError('a change was written but not read back in time', { cause: error });
    } finally {
      this.pendingWrites.delete(record.record_id);
    }
  }

  /** Why the fold as it is now would not accept the change; undefined if it would. */
  private refusalOf({ entity, workspace, id, expectedVersion, body }: Append<EntityKind>): Error | undefined {
    if (this.fold.versionOf(entity, id) !== expectedVersion) return this.conflict(entity, id, expectedVersion);
    return this.fold.wouldExceed(entity, id, workspace, body) ? tooManyLive() : undefined;
  }

  private conflict(entity: EntityKind, id: string, expected: number): ConflictError {
    const currentVersion = this.fold.versionOf(entity, id);
    if (expected === 0) return new ConflictError(`there is already a ${entity} with the id ${id}`, { currentVersion });
    if (currentVersion === undefined || currentVersion === 0) return new ConflictError(`the ${entity} was deleted`);
    return new ConflictError(`the ${entity} was changed in the meantime: it is at version ${currentVersion} now`, {
      currentVersion,
    });
  }
}

const tooManyLive = (): TooManyLiveAudiencesError =>
  new TooManyLiveAudiencesError(
    `${LIVE_AUDIENCES_MAX} audiences of this workspace are already live; switch live off for another one first`,
  );
