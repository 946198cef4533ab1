import type { Logger } from 'pino';
import { personKey, touchedBy } from '../../lib/audiences/index.ts';
import { UndecodableError, type Codec } from '../../lib/avro/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { Batch, Kafka, Reader } from '../../lib/kafka/types.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Outcome } from '../../schemas/types.ts';
import { plainFor, type News } from './news.ts';

const POLL_MS = 1_000;
/** Reading ends when nobody has asked for this long. */
const IDLE_MS = 10_000;
/** What is kept: records, and the bytes of their values. A record about two people counts twice. */
const KEPT_MAX = 20_000;
const KEPT_BYTES_MAX = 8 << 20;

export interface TraitTailDeps {
  partition: number;
  kafka: Pick<Kafka, 'createReader' | 'endOf'>;
  outcomes: Codec<Outcome>;
  /** There is news about the person. */
  onNews(workspace: string, personId: number, news: News): void;
  /** There are questions that need what was noted. */
  isNeeded(): boolean;
  /** There may be news about anybody in the workspace; in any workspace when it is null. */
  onAnyNews(workspace: string | null): void;
  /** Reading has ended: what was learned of the log may be wrong by now, as it may be another log. */
  onLost(): void;
  clock: Clock;
  logger: Logger;
  /** Aborted when the task ends. */
  signal: AbortSignal;
}

interface Waiter {
  end: number;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * Reads the end of one partition of trait-events while somebody asks, and keeps what is news about people. So questions
 * need not wait until ClickHouse holds it.
 */
export class TraitTail {
  private reader: Reader | null = null;
  /** Everything from where a workspace is followed up to here was noted. */
  private nextOffset = 0;
  /** The offset from which on the records of a workspace are noted. */
  private readonly followed = new Map<string, number>();
  /** By person, in the order of the log. */
  private readonly news = new Map<string, News[]>();
  /** Everything that was noted, in the order of the log. */
  private noted: { offset: number; key: string; bytes: number }[] = [];
  private notedBytes = 0;
  /** What is before it is no longer noted. */
  private forgottenOffset = 0;
  private readonly waiters = new Set<Waiter>();
  private usedAtMs = -Infinity;

  constructor(private readonly deps: TraitTailDeps) {}

  /** Everything before it was read. */
  get readOffset(): number {
    return this.nextOffset;
  }

  /** How many records are noted. */
  get size(): number {
    return this.noted.length;
  }

  /** How much is noted, as a part of what is kept at most. */
  get fullness(): number {
    return Math.max(this.noted.length / KEPT_MAX, this.notedBytes / KEPT_BYTES_MAX);
  }

  /**
   * Resolves once everything that the partition holds now is noted for these workspaces, with where it ended; with
   * `read_committed`, everything before the first transaction that is open now. Rejects when reading fails.
   */
  async catchUp(
    workspaces: Iterable<string>,
    isolation: 'read_committed' | 'read_uncommitted' = 'read_uncommitted',
  ): Promise<number> {
    const { kafka, partition, clock, signal } = this.deps;
    this.usedAtMs = clock.elapsedMs();
    const end = await kafka.endOf(TOPICS.traitEvents, partition, isolation);
    signal.throwIfAborted();
    if (this.reader === null) this.start(end);
    for (const workspace of workspaces) {
      if (!this.followed.has(workspace)) this.followed.set(workspace, this.nextOffset);
    }
    if (this.nextOffset < end) {
      await new Promise<void>((resolve, reject) => this.waiters.add({ end, resolve, reject }));
    }
    return end;
  }

  /**
   * From this offset on, `newsOf` has everything about the person, and that is plain. `otherIds`: ids under which the
   * person has rows as well. Undefined when the workspace is not followed: its records are not noted then.
   */
  boundOf(workspace: string, personId: number, otherIds: readonly number[] = []): number | undefined {
    const followed = this.followed.get(workspace);
    if (followed === undefined) return undefined;
    let bound = Math.max(followed, this.forgottenOffset);
    for (const id of [personId, ...otherIds]) {
      const last = this.news.get(personKey(workspace, id))?.findLast((news) => news.plainFor !== personId);
      if (last !== undefined) bound = Math.max(bound, last.offset + 1);
    }
    return bound;
  }

  /** Plain records about the person from an offset on, in the order of the log. */
  newsOf(workspace: string, personId: number, fromOffset: number): Outcome[] {
    const news = this.news.get(personKey(workspace, personId)) ?? [];
    return news.flatMap(({ offset, outcome, plainFor }) =>
      offset >= fromOffset && plainFor === personId ? [outcome] : [],
    );
  }

  /** ClickHouse holds everything before this offset: that is no news any more. */
  forget(offset: number): void {
    this.forgottenOffset = Math.max(this.forgottenOffset, offset);
    const first = this.noted.findIndex((noted) => noted.offset >= offset);
    const forgotten = this.noted.splice(0, first === -1 ? this.noted.length : first);
    for (const { bytes } of forgotten) this.notedBytes -= bytes;
    for (const key of new Set(forgotten.map((noted) => noted.key))) {
      const left = this.news.get(key)?.filter((news) => news.offset >= offset) ?? [];
      if (left.length > 0) this.news.set(key, left);
      else this.news.delete(key);
    }
  }

  private start(offset: number): void {
    const { kafka, partition } = this.deps;
    this.nextOffset = offset;
    this.reader = kafka.createReader({ isolation: 'read_committed' });
    this.reader.assign([{ topic: TOPICS.traitEvents, partition, offset }]);
    void this.follow(this.reader);
  }

  private async follow(reader: Reader): Promise<void> {
    const { clock, logger, signal, partition, isNeeded } = this.deps;
    const isUsed = (): boolean => isNeeded() || this.waiters.size > 0 || clock.elapsedMs() - this.usedAtMs < IDLE_MS;
    // Ends the current poll.
    const end = (): void => void reader.close();
    signal.addEventListener('abort', end);
    let failure = new Error('trait-events is no longer read');
    try {
      while (!signal.aborted && isUsed()) {
        for (const batch of await reader.poll(POLL_MS)) await this.take(batch);
      }
    } catch (err) {
      failure = err instanceof Error ? err : new Error(String(err));
      if (!signal.aborted) logger.warn({ partition, err }, 'cannot read trait-events for questions of flows');
    }
    signal.removeEventListener('abort', end);
    this.lose(failure);
    await reader.close();
  }

  /** What comes from now on is not noted. */
  private lose(error: Error): void {
    this.reader = null;
    this.followed.clear();
    this.clear();
    this.forgottenOffset = 0;
    this.deps.onLost();
    for (const waiter of this.waiters) waiter.reject(error);
    this.waiters.clear();
  }

  private clear(): void {
    this.news.clear();
    this.noted = [];
    this.notedBytes = 0;
  }

  private async take({ records, nextOffset }: Batch): Promise<void> {
    await this.deps.outcomes.load(records.flatMap(({ value }) => value ?? []));
    for (const { key, value, offset } of records) {
      // The key is the workspace.
      const workspace = key?.toString('utf8') ?? '';
      if (this.followed.has(workspace)) this.note(workspace, value, offset);
    }
    this.nextOffset = nextOffset;
    if (this.fullness > 1) this.restart();
    if (this.waiters.size > 0) this.usedAtMs = this.deps.clock.elapsedMs();
    for (const waiter of this.waiters) {
      if (waiter.end > nextOffset) continue;
      this.waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** ClickHouse is far behind: everybody may have news that is not noted. */
  private restart(): void {
    this.clear();
    for (const workspace of this.followed.keys()) this.followed.set(workspace, this.nextOffset);
    this.deps.onAnyNews(null);
  }

  private note(workspace: string, value: Buffer | null, offset: number): void {
    const { outcomes, onNews, onAnyNews } = this.deps;
    try {
      if (value === null) throw new UndecodableError('no value');
      const outcome = outcomes.decode(value);
      const news = { offset, outcome, plainFor: plainFor(outcome) };
      for (const [personId] of touchedBy(outcome)) {
        const key = personKey(workspace, personId);
        const known = this.news.get(key);
        if (known === undefined) this.news.set(key, [news]);
        else known.push(news);
        this.noted.push({ offset, key, bytes: value.length });
        this.notedBytes += value.length;
        onNews(workspace, personId, news);
      }
    } catch (error) {
      if (!(error instanceof UndecodableError)) throw error;
      // It may be about anybody.
      this.followed.set(workspace, offset + 1);
      onAnyNews(workspace);
    }
  }
}
