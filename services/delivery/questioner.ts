import type { Logger } from 'pino';
import { RecentFacts, rowsOf, type FactsNeeded, type PersonFacts } from '../../lib/audiences/index.ts';
import { Backoff, type Clock } from '../../lib/clock/index.ts';
import type { Outcome } from '../../schemas/types.ts';
import { answersTo, factsNeededBy } from './answers.ts';
import type { DeliveryMetrics } from './metrics.ts';
import { withNews } from './news.ts';
import type { OpenQuestion } from './state.ts';
import { TraitTail, type TraitTailDeps } from './trait-tail.ts';

/** Questions in one reading of ClickHouse. */
const READ_MAX = 1_000;
/** Readings under way at a time: one for each workspace. */
const READINGS_MAX = 4;
/** Facts that are remembered, in rows: about 16 MB. */
const KNOWN_ROWS_MAX = 50_000;
/** While more news than this is kept, it is found out what of it ClickHouse holds. */
const NEWS_KEPT = 1_000;
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
  ): Promise<ReadonlyMap<number, PersonFacts>>;
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
}

/**
 * Answers the open questions of one partition. A question first waits until the end of trait-events is read: then all
 * news about the person that precedes it is known. Somebody who was read from ClickHouse before is answered at once, by
 * that and the news since. Others are read together with those of the same workspace, and their news is added; the sink
 * need not have stored it, unless people were merged, parted or erased (see `isPlain`). While ClickHouse is unavailable, questions about
 * people who are not known wait.
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
  private known = new RecentFacts<PersonFacts>(KNOWN_ROWS_MAX, rowsOf);
  private readonly tail: TraitTail;
  private readonly backoff = new Backoff(PAUSES);
  private isPausing = false;

  constructor(private readonly deps: QuestionerDeps) {
    this.tail = new TraitTail({
      ...deps,
      onNews: (workspace, personId, news) => this.add(workspace, personId, news),
      isNeeded: () => this.early.length + this.ready.size + this.reading.size > 0,
      onAnyNews: (workspace) => {
        if (workspace !== null) return this.known.clear(workspace);
        this.known = new RecentFacts<PersonFacts>(KNOWN_ROWS_MAX, rowsOf);
        this.storedOffset = -1;
      },
    });
  }

  ask(open: OpenQuestion): void {
    this.waiting.push({ open, askedAtMs: this.deps.clock.elapsedMs() });
  }

  /** Begins what can begin. */
  pump(): void {
    if (this.isPausing || this.deps.signal.aborted) return;
    if (this.waiting.length > 0 && !this.isPlacing) void this.place(this.waiting.splice(0));
    if ((this.early.length > 0 || this.tail.size > NEWS_KEPT) && !this.isFollowing) void this.followStored();
    for (const [workspace, questions] of this.ready) {
      if (this.reading.size >= READINGS_MAX) break;
      if (!this.reading.has(workspace)) void this.read(workspace, questions.splice(0, READ_MAX));
      if (questions.length === 0) this.ready.delete(workspace);
    }
  }

  private add(workspace: string, personId: number, news: Outcome | null): void {
    const facts = this.known.get(workspace, personId);
    if (facts === undefined) return;
    const current = news === null ? undefined : withNews(facts, personId, [news]);
    if (current === undefined) this.known.delete(workspace, personId);
    else this.known.set(workspace, personId, current);
  }

  /** Finds out what precedes the questions. */
  private async place(batch: readonly Asked[]): Promise<void> {
    this.isPlacing = true;
    try {
      const groups = byWorkspace(batch);
      await this.tail.catchUp(groups.keys());
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

  private boundOf({ open: { workspace, question } }: Asked): number | undefined {
    return this.tail.boundOf(workspace, question.person_id);
  }

  /** Waits until ClickHouse holds what the first question waits for, or the news that is kept. */
  private async followStored(): Promise<void> {
    this.isFollowing = true;
    try {
      const next = this.early.reduce((least, asked) => Math.min(least, this.boundOf(asked) ?? 0), this.tail.readOffset);
      this.storedOffset = Math.max(this.storedOffset, await this.deps.untilStored(next, this.deps.signal));
      for (const asked of this.early.splice(0)) this.admit(asked);
      this.forget();
    } catch (err) {
      this.failed(this.early.splice(0), err);
    } finally {
      this.isFollowing = false;
      this.pump();
    }
  }

  private async read(workspace: string, batch: readonly Asked[]): Promise<void> {
    const { facts, signal } = this.deps;
    const { storedOffset } = this;
    this.reading.set(workspace, storedOffset);
    try {
      const needed = this.needed.get(workspace)!;
      const ids = [...new Set(batch.map(({ open }) => open.question.person_id))];
      const read = await facts(workspace, ids, needed, signal);
      const current = this.currentOf(workspace, ids, read, storedOffset);
      const isCurrent = (asked: Asked): boolean => current.has(asked.open.question.person_id);
      const answerable = batch.filter(isCurrent);
      this.answerAll(answerable, knownOf(current));
      if (needed === this.needed.get(workspace)) this.remember(workspace, knownOf(current));
      for (const asked of batch) if (!isCurrent(asked)) this.admit(asked);
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
   * What was read, with the news since; undefined for somebody who does not exist. Without those of whom only ClickHouse
   * can tell by now what has become of them: they have to be read again.
   */
  private currentOf(
    workspace: string,
    ids: readonly number[],
    read: ReadonlyMap<number, PersonFacts>,
    storedOffset: number,
  ): Map<number, PersonFacts | undefined> {
    const { tail } = this;
    const current = new Map<number, PersonFacts | undefined>();
    for (const id of ids) {
      if ((tail.boundOf(workspace, id) ?? Infinity) > storedOffset) continue;
      const facts = read.get(id);
      // What is news about a merged person was so before the merge, which ClickHouse holds.
      const isMerged = facts !== undefined && facts.personId !== id;
      current.set(id, isMerged ? facts : withNews(facts, id, tail.newsOf(workspace, id)));
    }
    return current;
  }

  private remember(workspace: string, current: ReadonlyMap<number, PersonFacts>): void {
    // News about a merged person names the remaining one.
    for (const [id, facts] of current) if (facts.personId === id) this.known.set(workspace, id, facts);
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

function knownOf(current: ReadonlyMap<number, PersonFacts | undefined>): Map<number, PersonFacts> {
  const known = new Map<number, PersonFacts>();
  for (const [id, facts] of current) if (facts !== undefined) known.set(id, facts);
  return known;
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
