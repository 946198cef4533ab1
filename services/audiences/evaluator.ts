import type { Logger } from 'pino';
import { personKey, RecentFacts, TOUCH, type Audience } from '../../lib/audiences/index.ts';
import { Backoff, type Clock } from '../../lib/clock/index.ts';
import { ClosedError } from '../../lib/streams/errors.ts';
import { Build } from './build.ts';
import type { JudgeAt, LiveDefinition } from './definition.ts';
import { evaluatePeople } from './evaluate.ts';
import { timed, type AudienceMetrics } from './metrics.ts';
import type { PeopleSource } from './people.ts';
import { isSameDefinition, planOf } from './plan.ts';
import type { AudienceState, PersonRef } from './state.ts';
import type { Step } from './step.ts';
import type { Touched } from './touch.ts';

/** People in one question to the source. A larger one costs little more: most of it is the same for any number. */
const READ_MAX = 4_000;
/** A few milliseconds of work: the process does something else after it. */
const EVALUATED_AT_ONCE = 500;
/** About 65 MB. */
const RECENT_ROWS_MAX = 200_000;
/** People in one batch of a build: those who enter or leave meanwhile wait for it. */
const BATCH = 1_000;
/** Changes and entries in one part of a step, and its time: those who enter or leave meanwhile wait for it. */
const PART_EFFECTS = 5_000;
const PART_MS = 100;
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
  /** Steps that builds have led to; such a build remains until its step is complete. */
  private readonly steps = new Map<string, Step>();
  private live: readonly LiveDefinition[] = [];
  private exists: (id: string) => boolean = () => true;
  private readonly deferrals = new Map<string, number>();
  private readonly recent: RecentFacts<F>;

  constructor(private readonly deps: EvaluatorDeps<F>) {
    this.recent = new RecentFacts(RECENT_ROWS_MAX, (facts) => deps.people.rowsOf(facts));
  }

  /** The definitions as they are now; not while a step is made. Returns whether a build begins. */
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

  get isStepping(): boolean {
    return this.steps.size > 0;
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
      const unread = new Map<number, number>();
      for (const personId of due.get(workspace) ?? []) {
        if (people.has(personId)) continue;
        if (this.recent.get(workspace, personId) === undefined) people.set(personId, 0);
        else unread.set(personId, 0);
      }
      for await (const question of this.questions(workspace, people)) {
        yield* this.evaluateQuestion(workspace, question, nowMs);
      }
      // After the others, so that they have what was just read of a winner by the id of somebody who was merged.
      yield* this.evaluateRecent(workspace, unread, nowMs);
    }
  }

  /** Evaluates everybody else by new definitions, one batch, after an evaluation at this time. */
  async continueBuilds(nowMs: number): Promise<void> {
    for (const build of this.builds.values()) {
      if (!this.steps.has(build.workspace)) await this.continueBuild(build, nowMs);
    }
  }

  /** Makes a part of the steps that builds have led to, or more of them until somebody waits. Yields as `evaluate`. */
  async *continueSteps(nowMs: number, isAwaited: () => Promise<boolean>): AsyncGenerator<void> {
    const { state, clock } = this.deps;
    const endMs = clock.elapsedMs() + PART_MS;
    const isPartOver = (): boolean => state.isFull() || state.effectCount >= PART_EFFECTS || clock.elapsedMs() >= endMs;
    for (const [workspace, step] of [...this.steps]) {
      if (state.isFull()) yield;
      while (step.advance()) {
        await otherWork();
        if (isPartOver() && (await isAwaited())) return;
        if (state.isFull()) yield;
      }
      yield* this.endStep(workspace, step, nowMs);
    }
  }

  /** The audiences are complete together with the evaluation of those who were evaluated without them. */
  private async *endStep(workspace: string, step: Step, nowMs: number): AsyncGenerator<void> {
    const { metrics, logger } = this.deps;
    this.steps.delete(workspace);
    this.builds.delete(workspace);
    // The wall clock may have been set back since the step began.
    yield* this.evaluateRecent(workspace, step.late, Math.max(nowMs, step.nowMs), step.audiences);
    step.complete();
    metrics.builds.inc();
    logger.info({ workspace, audiences: step.audiences.size }, 'everybody is evaluated by the new definitions');
    this.follow(this.live, this.exists);
  }

  private async *evaluateQuestion(
    workspace: string,
    { people, facts }: Question<F>,
    nowMs: number,
    only?: ReadonlySet<number>,
  ): AsyncGenerator<void> {
    const { state, metrics, judgeAt } = this.deps;
    for (const part of inParts([...people], EVALUATED_AT_ONCE)) {
      const step = this.steps.get(workspace);
      const scope = { except: step?.audiences, only };
      evaluatePeople(state, { workspace, nowMs, people: new Map(part), facts, ...scope }, judgeAt);
      if (step === undefined) this.builds.get(workspace)?.evaluateChanged(idsOf(part), facts, nowMs);
      else for (const [id, touch] of part) step.evaluated(id, touch, facts.has(id));
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

  /** Evaluates people by what was read of them last; those of whom it was dropped are read. `only`: as in Evaluation. */
  private async *evaluateRecent(
    workspace: string,
    people: ReadonlyMap<number, number>,
    nowMs: number,
    only?: ReadonlySet<number>,
  ): AsyncGenerator<void> {
    const { question, dropped } = await this.askRecent(workspace, people);
    yield* this.evaluateQuestion(workspace, question, nowMs, only);
    for await (const question of this.questions(workspace, dropped)) {
      yield* this.evaluateQuestion(workspace, question, nowMs, only);
    }
  }

  /**
   * People about whom nothing is new, with what is known of them, and those of whom it was dropped meanwhile. Those with
   * newer records are put off. What has arrived since the last question is taken first: a wait for ClickHouse or a
   * commit may lie in between.
   */
  private async askRecent(
    workspace: string,
    asked: ReadonlyMap<number, number>,
  ): Promise<{ question: Question<F>; dropped: Map<number, number> }> {
    const people = new Map<number, number>();
    const facts = new Map<number, F>();
    const dropped = new Map<number, number>();
    if (asked.size === 0) return { question: { people, facts }, dropped };
    const areAllTaken = await this.deps.arrivals.takeArrivals();
    for (const [personId, touch] of asked) {
      const known = areAllTaken ? this.recent.get(workspace, personId) : undefined;
      if (known === undefined) dropped.set(personId, touch);
      else if (!this.isPutOff(workspace, personId, touch)) {
        people.set(personId, touch);
        facts.set(personId, known);
      }
    }
    return { question: { people, facts }, dropped };
  }

  private isPutOff(workspace: string, personId: number, touch: number): boolean {
    const { arrivals } = this.deps;
    const key = personKey(workspace, personId);
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

  /** One batch, with those for whom a time has come since their batch; after the last one, the step begins. */
  private async continueBuild(build: Build<F>, nowMs: number): Promise<void> {
    const { people, state, metrics } = this.deps;
    const { workspace } = build;
    do {
      const due = build.takeDue(nowMs, BATCH);
      const ids = build.isScanned
        ? []
        : await this.retrying((signal) => people.next(workspace, build.after, BATCH, signal));
      const facts = await this.readAll(workspace, [...due, ...ids]);
      metrics.evaluated.inc(due.length + ids.length);
      build.evaluate(due, facts, nowMs);
      if (!build.isScanned) return build.takeBatch(ids, facts, nowMs);
    } while (build.hasDue(nowMs));
    this.steps.set(workspace, build.step(state, nowMs, this.isWanted));
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
