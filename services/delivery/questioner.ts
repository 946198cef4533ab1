import type { Logger } from 'pino';
import type { FactsNeeded, PersonFacts } from '../../lib/audiences/index.ts';
import type { StoredFacts } from '../../lib/clickhouse/person-facts.ts';
import { Backoff, type Clock } from '../../lib/clock/index.ts';
import { answersTo, factsNeededBy } from './answers.ts';
import { KnownPeople } from './known-people.ts';
import type { DeliveryMetrics } from './metrics.ts';
import { withNews } from './news.ts';
import type { OpenQuestion } from './state.ts';
import { TraitTail, type TraitTailDeps } from './trait-tail.ts';

/** Questions in one reading of ClickHouse. */
const READ_MAX = 1_000;
/** Readings under way at a time: one for each workspace. */
const READINGS_MAX = 4;
/** While more of the news that can be kept is kept, it is found out how much of it ClickHouse holds. */
const FULLNESS_KEPT = 0.05;
const PAUSES = { firstMs: 250, maxMs: 10_000 };

export interface QuestionerDeps extends Pick<TraitTailDeps, 'kafka' | 'outcomes'> {
  partition: number;
  /**
   * Resolves once ClickHouse holds everything of the partition of trait-events before the offset, with the offset before
   * which it holds everything then.
   */
  untilStored(offset: number, signal: AbortSignal): Promise<number>;
  /** The facts of people as ClickHouse has them, by the id that was asked for, with merges applied. */
  facts(
    workspace: string,
    personIds: readonly number[],
    needed: FactsNeeded,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, StoredFacts>>;
  answer(question: OpenQuestion, yes: boolean): void;
  clock: Clock;
  logger: Logger;
  metrics: DeliveryMetrics;
  /** Aborted when the task ends. */
  signal: AbortSignal;
}

/** A question on its way to its answer. */
interface Asked {
  open: OpenQuestion;
  askedAtMs: number;
  /** Where trait-events ended then: all that the answer has to reflect is before it. */
  end: number;
  /** ClickHouse has to hold what is before it, as far as reading the person has shown. */
  bound: number;
}

interface Reading {
  read: ReadonlyMap<number, StoredFacts>;
  /** What ClickHouse was known to hold before. */
  storedOffset: number;
  needed: FactsNeeded;
}

/**
 * Answers the open questions of one partition. A question first waits until the end of trait-events is read: then all
 * news about the person that precedes it is known. Somebody who was read from ClickHouse before is answered at once, by
 * that and the news since. Others are read together with those of the same workspace, and their news is added; the sink
 * need not have stored it, unless people were merged, parted or erased (see `plainFor`). No question waits for more than
 * what precedes it: once ClickHouse holds that, it answers alone. While ClickHouse is unavailable, questions about people
 * who are not known wait.
 */
export class Questioner {
  /** The end of trait-events is not read yet. */
  private waiting: Asked[] = [];
  /** ClickHouse does not hold yet what only it can tell about their people. */
  private early: Asked[] = [];
  /** By workspace: they can be read. */
  private readonly ready = new Map<string, Asked[]>();
  private isPlacing = false;
  private isFollowing = false;
  /** By workspace that is being read: what ClickHouse was known to hold before. */
  private readonly reading = new Map<string, number>();
  /** ClickHouse holds everything before it, as far as is known: it may have lost its data while it did not answer. */
  private storedOffset = -1;
  /** What the questions of a workspace have needed so far, so that facts which are known serve the next one too. */
  private readonly needed = new Map<string, FactsNeeded>();
  private readonly known = new KnownPeople();
  /** Aborted, and replaced, when the reading of trait-events ends. */
  private lost = new AbortController();
  private readonly tail: TraitTail;
  private readonly backoff = new Backoff(PAUSES);
  private isPausing = false;

  constructor(private readonly deps: QuestionerDeps) {
    this.tail = new TraitTail({
      ...deps,
      onNews: (workspace, personId, news) => this.known.add(workspace, personId, news),
      isNeeded: () => this.early.length + this.ready.size + this.reading.size > 0,
      onAnyNews: (workspace) => this.known.clear(workspace),
      onLost: () => this.startOver(),
    });
  }

  /** The log may be another one: offsets in it mean nothing any more. */
  private startOver(): void {
    this.known.clear();
    this.storedOffset = -1;
    this.waiting = [...this.waiting, ...this.early.splice(0), ...[...this.ready.values()].flat()];
    this.ready.clear();
    this.lost.abort();
    this.lost = new AbortController();
  }

  ask(open: OpenQuestion): void {
    this.waiting.push({ open, askedAtMs: this.deps.clock.elapsedMs(), end: Infinity, bound: 0 });
  }

  /** Begins what can begin. */
  pump(): void {
    if (this.isPausing || this.deps.signal.aborted) return;
    if (this.waiting.length > 0 && !this.isPlacing) void this.place(this.waiting.splice(0));
    if ((this.early.length > 0 || this.tail.fullness > FULLNESS_KEPT) && !this.isFollowing) void this.followStored();
    for (const [workspace, questions] of [...this.ready]) {
      if (this.reading.size >= READINGS_MAX) break;
      if (this.reading.has(workspace)) continue;
      const batch = questions.splice(0, READ_MAX);
      this.ready.delete(workspace);
      // The others wait behind those of other workspaces.
      if (questions.length > 0) this.ready.set(workspace, questions);
      void this.read(workspace, batch);
    }
  }

  /** Finds out what precedes the questions. */
  private async place(batch: readonly Asked[]): Promise<void> {
    this.isPlacing = true;
    try {
      const groups = byWorkspace(batch);
      const end = await this.tail.catchUp(groups.keys());
      for (const asked of batch) Object.assign(asked, { end, bound: 0 });
      for (const [workspace, questions] of groups) this.sort(workspace, questions);
    } catch (err) {
      this.failed(batch, err);
    } finally {
      this.isPlacing = false;
      this.pump();
    }
  }

  /** Answers what can be answered from what is known; the others wait for ClickHouse. */
  private sort(workspace: string, questions: readonly Asked[]): void {
    this.need(workspace, questions);
    const facts = new Map<number, PersonFacts>();
    const answerable: Asked[] = [];
    for (const asked of questions) {
      const personId = asked.open.question.person_id;
      const known = this.known.get(workspace, personId);
      if (known === undefined) this.admit(asked);
      else {
        facts.set(personId, known);
        answerable.push(asked);
      }
    }
    this.answerAll(answerable, facts);
  }

  private need(workspace: string, questions: readonly Asked[]): void {
    const { carts, products } = factsNeededBy(questions.map(({ open }) => open));
    const before = this.needed.get(workspace) ?? { carts: false, products: false };
    if ((before.carts || !carts) && (before.products || !products) && this.needed.has(workspace)) return;
    this.needed.set(workspace, { carts: carts || before.carts, products: products || before.products });
    // What is known has not all that is needed.
    this.known.clear(workspace);
  }

  /** The person can be read once ClickHouse holds what is not kept as news. */
  private admit(asked: Asked): void {
    const { workspace } = asked.open;
    const ready = this.ready.get(workspace);
    const bound = this.boundOf(asked);
    // The reading of trait-events has begun again.
    if (bound === undefined) this.waiting.push(asked);
    else if (bound > this.storedOffset) this.early.push(asked);
    else if (ready === undefined) this.ready.set(workspace, [asked]);
    else ready.push(asked);
  }

  /** A reading under way may not have what has been stored since it began. */
  private forget(): void {
    this.tail.forget(Math.min(this.storedOffset, ...this.reading.values()));
  }

  /** What ClickHouse has to hold before the person is read. Undefined when trait-events has to be read first. */
  private boundOf({ open: { workspace, question }, bound, end }: Asked): number | undefined {
    const ofPerson = this.tail.boundOf(workspace, question.person_id);
    return ofPerson === undefined ? undefined : Math.min(end, Math.max(bound, ofPerson));
  }

  /** Waits until ClickHouse holds what the first question waits for, or the news that is kept. */
  private async followStored(): Promise<void> {
    const { deps, lost } = this;
    this.isFollowing = true;
    try {
      const next = this.early.reduce((least, asked) => Math.min(least, this.boundOf(asked) ?? 0), this.tail.readOffset);
      const storedOffset = await deps.untilStored(next, AbortSignal.any([deps.signal, lost.signal]));
      if (lost.signal.aborted) return;
      this.storedOffset = Math.max(this.storedOffset, storedOffset);
      for (const asked of this.early.splice(0)) this.admit(asked);
      this.forget();
    } catch (err) {
      if (!lost.signal.aborted) this.failed(this.early.splice(0), err);
    } finally {
      this.isFollowing = false;
      this.pump();
    }
  }

  private async read(workspace: string, batch: readonly Asked[]): Promise<void> {
    const { facts, signal } = this.deps;
    const { storedOffset, lost } = this;
    this.reading.set(workspace, storedOffset);
    try {
      const needed = this.needed.get(workspace)!;
      const ids = [...new Set(batch.map(({ open }) => open.question.person_id))];
      const read = await facts(workspace, ids, needed, signal);
      // What ClickHouse held already has to be known as news: some of it may have been read, and some not.
      await this.tail.catchUp([workspace], 'read_committed');
      if (lost.signal.aborted) this.waiting.push(...batch);
      else this.combine(workspace, batch, { read, storedOffset, needed });
      this.backoff.reset();
    } catch (err) {
      this.failed(batch, err);
    } finally {
      this.reading.delete(workspace);
      this.forget();
      this.pump();
    }
  }

  /**
   * Answers by what was read, with the news since. If only ClickHouse can tell what has become of a person, the answer is
   * what was read if that reflects what precedes the question; otherwise the person has to be read again.
   */
  private combine(workspace: string, batch: readonly Asked[], { read, storedOffset, needed }: Reading): void {
    const { tail, known } = this;
    const current = new Map<number, PersonFacts>();
    const bounds = new Map<number, number>();
    for (const id of new Set(batch.map(({ open }) => open.question.person_id))) {
      const stored = read.get(id);
      const personId = stored?.personId ?? id;
      const formerIds = stored?.formerIds ?? [];
      const bound = tail.boundOf(workspace, personId, [id, ...formerIds]) ?? Infinity;
      bounds.set(id, bound);
      if (bound > storedOffset) continue;
      const facts = withNews(stored, personId, tail.newsOf(workspace, personId, storedOffset));
      if (facts === undefined) continue;
      current.set(id, facts);
      if (needed === this.needed.get(workspace)) known.set(workspace, facts, formerIds);
    }
    const boundOf = ({ open }: Asked): number => bounds.get(open.question.person_id)!;
    const isCurrent = (asked: Asked): boolean => boundOf(asked) <= storedOffset;
    const isEnough = (asked: Asked): boolean => !isCurrent(asked) && asked.end <= storedOffset;
    this.answerAll(batch.filter(isCurrent), current);
    this.answerAll(batch.filter(isEnough), read);
    for (const asked of batch) {
      if (isCurrent(asked) || isEnough(asked)) continue;
      asked.bound = boundOf(asked);
      this.admit(asked);
    }
  }

  private answerAll(batch: readonly Asked[], facts: ReadonlyMap<number, PersonFacts>): void {
    const { answer, metrics, clock } = this.deps;
    const questions = batch.map(({ open }) => open);
    const nowMs = clock.elapsedMs();
    answersTo(questions, facts).forEach((yes, i) => {
      metrics.answers.inc({ kind: questions[i]!.question.what });
      metrics.questionSeconds.observe((nowMs - batch[i]!.askedAtMs) / 1_000);
      answer(questions[i]!, yes);
    });
  }

  /** The questions begin again after a pause. Some may have been answered: the state ignores a second answer. */
  private failed(batch: readonly Asked[], err: unknown): void {
    const { signal, logger, metrics, clock, partition } = this.deps;
    if (signal.aborted) return;
    this.waiting = [...batch, ...this.waiting];
    this.storedOffset = -1;
    metrics.questionFailures.inc();
    if (this.isPausing) return;
    const retryMs = this.backoff.nextMs();
    logger.warn({ partition, questions: batch.length, retryMs, err }, 'cannot answer questions of flows; retrying');
    this.isPausing = true;
    void clock.sleep(retryMs, signal).then(() => {
      this.isPausing = false;
      this.pump();
    });
  }
}

function byWorkspace(questions: readonly Asked[]): Map<string, Asked[]> {
  const groups = new Map<string, Asked[]>();
  for (const asked of questions) {
    const { workspace } = asked.open;
    const group = groups.get(workspace);
    if (group === undefined) groups.set(workspace, [asked]);
    else group.push(asked);
  }
  return groups;
}
