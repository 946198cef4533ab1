import type { Logger } from 'pino';
import type { Audience } from '../../lib/audiences/index.ts';
import { Backoff, type Clock } from '../../lib/clock/index.ts';
import { ClosedError } from '../../lib/streams/errors.ts';
import { Build } from './build.ts';
import type { JudgeAt, LiveDefinition } from './definition.ts';
import { evaluatePeople } from './evaluate.ts';
import { timed, type AudienceMetrics } from './metrics.ts';
import type { PeopleSource } from './people.ts';
import { isSameDefinition, planOf } from './plan.ts';
import { RecentFacts } from './recent-facts.ts';
import type { AudienceState, PersonRef } from './state.ts';
import { TOUCH, type Touched } from './touch.ts';

/** People in one question to the source. A larger one costs little more: most of it is the same for any number. */
const READ_MAX = 4_000;
/** A few milliseconds of work: the process does something else after it. */
const EVALUATED_AT_ONCE = 500;
/** About 65 MB. */
const RECENT_ROWS_MAX = 200_000;
/** People in one batch of a build: those who enter or leave meanwhile wait for it. */
const BATCH = 1_000;
/** People for whom time has come in one evaluation. */
const DUE_MAX = 5_000;
/** How often a person is put off because newer records of them keep arriving. */
const DEFERRALS_MAX = 5;
const RETRY_PAUSES = { firstMs: 100, maxMs: 5_000 };

/** Records that arrive while people are read. */
export interface Arrivals {
  /** Returns whether all were taken. There may be no room for some, and nothing is known of those. */
  takeArrivals(): Promise<boolean>;
  /** Whether newer records of the person have arrived than those that are evaluated. */
  hasNewer(workspace: string, personId: number): boolean;
  /** The person is evaluated with the newer records. */
  defer(workspace: string, personId: number, touch: number): void;
}

export interface EvaluatorDeps<F extends { personId: number }> {
  state: AudienceState;
  people: PeopleSource<F>;
  judgeAt: JudgeAt<F>;
  arrivals: Arrivals;
  /** Aborted when the task ends. */
  signal: AbortSignal;
  metrics: AudienceMetrics;
  logger: Logger;
  clock: Clock;
}

/** The people of a workspace, with why each may have changed, and their facts. */
interface Question<F> {
  people: Map<number, number>;
  facts: Map<number, F>;
}

/** Decides who is evaluated by which definitions, reads them, and writes the differences into the state. */
export class Evaluator<F extends { personId: number }> {
  private readonly builds = new Map<string, Build<F>>();
  private live: readonly LiveDefinition[] = [];
  private exists: (id: string) => boolean = () => true;
  private readonly deferrals = new Map<string, number>();
  private readonly recent: RecentFacts<F>;

  constructor(private readonly deps: EvaluatorDeps<F>) {
    this.recent = new RecentFacts(RECENT_ROWS_MAX, (facts) => deps.people.rowsOf(facts));
  }

  /** The definitions as they are now. Returns whether a build begins. */
  follow(live: readonly LiveDefinition[], exists: (id: string) => boolean): boolean {
    const { state } = this.deps;
    this.live = live;
    this.exists = exists;
    const plan = planOf(state.known(), live, exists);
    state.remove(plan.remove);
    state.switchOff(plan.switchOff);
    for (const definition of plan.rename) state.define(definition, true);
    for (const [workspace, build] of this.builds) {
      if (!build.targets.some((target) => this.isWanted(target))) this.builds.delete(workspace);
    }
    const begin = [...plan.build].filter(([workspace]) => !this.builds.has(workspace));
    for (const [workspace, targets] of begin) {
      this.builds.set(workspace, new Build(workspace, targets, this.deps.judgeAt));
      // The new definitions may need more of the facts.
      this.recent.clear(workspace);
    }
    return begin.length > 0;
  }

  private readonly isWanted = (target: LiveDefinition): boolean =>
    isSameDefinition(
      target,
      this.live.find(({ id }) => id === target.id),
    );

  get isBuilding(): boolean {
    return this.builds.size > 0;
  }

  /** Whether somebody in the workspace is in a live audience or may enter one. */
  concerns(workspace: string): boolean {
    return this.builds.has(workspace) || this.deps.state.liveIn(workspace).length > 0;
  }

  /**
   * Evaluates those who were touched and those for whom time has come. Yields when the effects fill a transaction; they
   * have to be taken before it continues.
   */
  async *evaluate(nowMs: number, touched: Touched): AsyncGenerator<void> {
    const due = byWorkspace(this.deps.state.takeDue(nowMs, DUE_MAX));
    for (const workspace of new Set([...touched.names(), ...due.keys()])) {
      if (!this.concerns(workspace)) continue;
      const people = new Map<number, number>(touched.of(workspace));
      const unread: number[] = [];
      for (const personId of due.get(workspace) ?? []) {
        if (people.has(personId)) continue;
        if (this.recent.get(workspace, personId) === undefined) people.set(personId, 0);
        else unread.push(personId);
      }
      for await (const question of this.questions(workspace, people)) {
        yield* this.evaluateQuestion(workspace, question, nowMs);
      }
      // After the others, so that they have what was just read of a winner by the id of somebody who was merged.
      const { question, dropped } = await this.askRecent(workspace, unread);
      yield* this.evaluateQuestion(workspace, question, nowMs);
      for await (const question of this.questions(workspace, dropped)) {
        yield* this.evaluateQuestion(workspace, question, nowMs);
      }
    }
  }

  /** Continues what `follow` has begun, after an evaluation at this time. Yields as `evaluate`. */
  async *continueBuilds(nowMs: number): AsyncGenerator<void> {
    for (const build of [...this.builds.values()]) yield* this.continueBuild(build, nowMs);
  }

  private async *evaluateQuestion(
    workspace: string,
    { people, facts }: Question<F>,
    nowMs: number,
  ): AsyncGenerator<void> {
    const { state, metrics, judgeAt } = this.deps;
    for (const part of inParts([...people], EVALUATED_AT_ONCE)) {
      evaluatePeople(state, { workspace, nowMs, people: new Map(part), facts }, judgeAt);
      const build = this.builds.get(workspace);
      build?.evaluate(
        part.flatMap(([id]) => (build.hasSeen(id) ? [id] : [])),
        facts,
        nowMs,
      );
      metrics.evaluated.inc(part.length);
      if (state.isFull()) yield;
      else if (part.length === EVALUATED_AT_ONCE) await otherWork();
    }
  }

  /** Reads the people in parts, each while the one before is evaluated. */
  private async *questions(workspace: string, people: ReadonlyMap<number, number>): AsyncGenerator<Question<F>> {
    let reading: Promise<ReadonlyMap<number, F>> | null = null;
    const parts = [...inParts([...people], READ_MAX)];
    for (const [i, part] of parts.entries()) {
      const read = await (reading ?? this.read(workspace, idsOf(part)));
      const next = parts[i + 1];
      reading = next === undefined ? null : this.read(workspace, idsOf(next));
      // It is awaited later, or not at all when a commit fails.
      reading?.catch(() => undefined);
      yield await this.questionOf(workspace, new Map(part), read);
    }
  }

  /** Those who were merged stand for their winners too; those with newer records are put off. */
  private async questionOf(
    workspace: string,
    people: Map<number, number>,
    read: ReadonlyMap<number, F>,
  ): Promise<Question<F>> {
    const facts = new Map<number, F>();
    for (const [asked, known] of read) {
      facts.set(known.personId, known);
      if (asked === known.personId) continue;
      const touch = (people.get(asked) ?? 0) | TOUCH.merged;
      people.set(asked, touch);
      people.set(known.personId, (people.get(known.personId) ?? 0) | touch);
    }
    const { arrivals } = this.deps;
    const areAllTaken = await arrivals.takeArrivals();
    for (const [personId, touch] of people) {
      const known = facts.get(personId);
      // What is read of somebody with newer records may be half written.
      if (known !== undefined && areAllTaken && !arrivals.hasNewer(workspace, personId))
        this.recent.set(workspace, personId, known);
      else this.recent.delete(workspace, personId);
      if (this.isPutOff(workspace, personId, touch)) people.delete(personId);
    }
    return { people, facts };
  }

  /**
   * People for whom only time has passed, with what is known of them, and those of whom it was dropped meanwhile. Those
   * with newer records are put off. What has arrived since the last question is taken first: a wait for ClickHouse or a
   * commit may lie in between.
   */
  private async askRecent(
    workspace: string,
    ids: readonly number[],
  ): Promise<{ question: Question<F>; dropped: Map<number, number> }> {
    const people = new Map<number, number>();
    const facts = new Map<number, F>();
    const dropped = new Map<number, number>();
    if (ids.length === 0) return { question: { people, facts }, dropped };
    const areAllTaken = await this.deps.arrivals.takeArrivals();
    for (const personId of ids) {
      const known = areAllTaken ? this.recent.get(workspace, personId) : undefined;
      if (known === undefined) dropped.set(personId, 0);
      else if (!this.isPutOff(workspace, personId, 0)) {
        people.set(personId, 0);
        facts.set(personId, known);
      }
    }
    return { question: { people, facts }, dropped };
  }

  private isPutOff(workspace: string, personId: number, touch: number): boolean {
    const { arrivals } = this.deps;
    const key = `${workspace}:${personId}`;
    const times = this.deferrals.get(key) ?? 0;
    if (!arrivals.hasNewer(workspace, personId) || times >= DEFERRALS_MAX) {
      this.deferrals.delete(key);
      return false;
    }
    if (touch !== 0) {
      arrivals.defer(workspace, personId, touch);
      this.deferrals.set(key, times + 1);
    }
    return true;
  }

  /** One batch; after the last one, the step to the new definitions. */
  private async *continueBuild(build: Build<F>, nowMs: number): AsyncGenerator<void> {
    const { people, state, metrics, logger } = this.deps;
    const { workspace } = build;
    if (!build.isScanned) {
      const ids = await this.retrying((signal) => people.next(workspace, build.after, BATCH, signal));
      build.takeBatch(ids, await this.readAll(workspace, ids), nowMs);
      metrics.evaluated.inc(ids.length);
      return;
    }
    while (build.hasDue(nowMs)) {
      const ids = build.takeDue(nowMs, BATCH);
      build.evaluate(ids, await this.readAll(workspace, ids), nowMs);
    }
    for (const _ of build.apply(state, nowMs, this.isWanted)) {
      if (state.isFull()) yield;
      else await otherWork();
    }
    this.builds.delete(workspace);
    metrics.builds.inc();
    logger.info({ workspace, audiences: build.targets.length }, 'everybody is evaluated by the new definitions');
    this.follow(this.live, this.exists);
  }

  private async readAll(workspace: string, ids: readonly number[]): Promise<Map<number, F>> {
    const facts = new Map<number, F>();
    for (const part of inParts(ids, READ_MAX)) {
      for (const [asked, known] of await this.read(workspace, part)) {
        // Anyone who was merged in the meantime is in nothing; the winner has an id of their own in some batch.
        if (asked === known.personId) facts.set(asked, known);
      }
    }
    return facts;
  }

  private read(workspace: string, ids: readonly number[]): Promise<ReadonlyMap<number, F>> {
    const { people, metrics } = this.deps;
    const audiences = this.audiencesOf(workspace);
    metrics.read.inc(ids.length);
    return timed(this.deps, 'reading', () => this.retrying((signal) => people.read(workspace, ids, audiences, signal)));
  }

  /** Those by which people of the workspace are evaluated now. */
  private audiencesOf(workspace: string): Audience[] {
    const { state } = this.deps;
    const targets = this.builds.get(workspace)?.targets ?? [];
    return [...state.liveIn(workspace), ...targets].map(({ audience }) => audience);
  }

  /** Until it succeeds or the task ends: nothing else can be done without the people. */
  private async retrying<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal, logger, clock, metrics } = this.deps;
    const backoff = new Backoff(RETRY_PAUSES);
    for (let isFirst = true; ; isFirst = false) {
      if (signal.aborted) throw new ClosedError();
      try {
        const result = await work(signal);
        if (!isFirst) logger.info('ClickHouse answers again');
        return result;
      } catch (err) {
        if (signal.aborted) throw new ClosedError();
        if (isFirst) logger.warn({ err }, 'cannot read people from ClickHouse; retrying');
        metrics.failures.inc();
        await clock.sleep(backoff.nextMs(), signal);
      }
    }
  }
}

/** Lets the process take what has arrived, and send its heartbeats. */
const otherWork = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function byWorkspace(people: readonly PersonRef[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { workspace, personId } of people) {
    const ids = found.get(workspace);
    if (ids === undefined) found.set(workspace, [personId]);
    else ids.push(personId);
  }
  return found;
}

const idsOf = (people: readonly (readonly [number, number])[]): number[] => people.map(([id]) => id);

function* inParts<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}
