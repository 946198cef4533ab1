/** Questions between what ClickHouse holds and the news in trait-events; a test decides who is faster. */
import pino from 'pino';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import type { StoredFacts } from '../../lib/clickhouse/person-facts.ts';
import { ManualClock } from '../../lib/clock/testing.ts';
import type { Outcome } from '../../schemas/types.ts';
import { mergeOutcome, personFacts, traitFacts, traitOutcome } from '../audiences/testing.ts';
import { createDeliveryMetrics } from './metrics.ts';
import { Questioner } from './questioner.ts';
import { ManualLog, outcomes } from './testing/manual-log.ts';
import { flowQuestion } from './testing.ts';

/** A person with a trait event, or without. */
const stored = (personId: number, yes: boolean, formerIds: number[] = []): StoredFacts => ({
  ...personFacts(personId, yes ? [traitFacts('e', 1)] : []),
  formerIds,
});
const about = (personId: number, moved_from: number | null = null): Outcome =>
  traitOutcome('acme', personId, traitFacts('e', 1), { moved_from });
const retracted = (personId: number): Outcome =>
  traitOutcome('acme', personId, traitFacts('e', 1, { retracted_at: 2 }));

class World {
  readonly clock = new ManualClock();
  readonly log = new ManualLog(this.clock);
  readonly answers: string[] = [];
  /** The people of readings that are under way, by workspace. */
  readonly readings = new Map<string, { ids: readonly number[]; done(...people: StoredFacts[]): Promise<void> }>();
  /** What the questioner waits for ClickHouse to hold. */
  waits: { offset: number; resolve(storedOffset: number): void }[] = [];
  private readonly questioner = new Questioner({
    ...{ partition: 0, outcomes, clock: this.clock, logger: pino({ enabled: false }) },
    kafka: this.log.kafka,
    untilStored: (offset, signal) =>
      new Promise((resolve, reject) => {
        const wait = { offset, resolve };
        this.waits.push(wait);
        signal.addEventListener('abort', () => {
          this.waits = this.waits.filter((other) => other !== wait);
          reject(new Error('aborted'));
        });
      }),
    facts: (workspace, ids) =>
      new Promise((resolve) => {
        this.readings.set(workspace, {
          ids,
          done: async (...people) => {
            this.readings.delete(workspace);
            const byId = people.flatMap((of) => [of.personId, ...of.formerIds].map((id) => [id, of] as const));
            resolve(new Map(byId.filter(([id]) => ids.includes(id))));
            await this.clock.advance(0);
          },
        });
      }),
    answer: ({ question }, yes) => this.answers.push(`${question.question_id} ${yes}`),
    metrics: createDeliveryMetrics(new Registry()),
    signal: new AbortController().signal,
  });

  /** Asks this many times. */
  async ask(id: string, personId: number, workspace = 'acme', times = 1): Promise<void> {
    for (let i = 0; i < times; i++) this.questioner.ask({ workspace, question: flowQuestion(id, personId, 10) });
    this.questioner.pump();
    await this.clock.advance(0);
  }

  /** ClickHouse holds everything before the offset. */
  async store(offset: number): Promise<void> {
    const over = this.waits.filter((wait) => wait.offset <= offset);
    this.waits = this.waits.filter((wait) => wait.offset > offset);
    for (const { resolve } of over) resolve(offset);
    await this.clock.advance(0);
  }

  /** Somebody was asked about before, so that the log is read. */
  static async begun(person = stored(9, false), workspace = 'acme'): Promise<World> {
    const world = new World();
    await world.ask('q0', person.personId, workspace);
    await world.store(0);
    await world.readings.get(workspace)!.done(person);
    expect(world.answers.splice(0)).toHaveLength(1);
    return world;
  }
}

it('somebody who was read before is read again when rows under a former id were moved away', async () => {
  const world = await World.begun(stored(1, true, [7]));
  await world.ask('q1', 1);
  expect(world.answers).toEqual(['q1 true']);
  await world.log.give(about(3, 7));
  await world.ask('q2', 1);
  await world.readings.get('acme')!.done(stored(1, true, [7]));
  await world.store(1);
  await world.readings.get('acme')!.done(stored(1, false, [7]));
  expect(world.answers).toEqual(['q1 true', 'q2 false']);
});

it('waits for the sink when rows under a former id were moved away before reading', async () => {
  const world = await World.begun();
  await world.log.give(about(3, 7));
  await world.ask('q1', 1);
  await world.readings.get('acme')!.done(stored(1, true, [7]));
  expect([world.answers, world.waits.map(({ offset }) => offset)]).toEqual([[], [1]]);
  await world.store(1);
  await world.readings.get('acme')!.done(stored(1, false, [7]));
  expect(world.answers).toEqual(['q1 false']);
});

it('does not wait for the sink when rows under a former id have come to the person', async () => {
  const world = await World.begun();
  await world.log.give(about(1, 7));
  await world.ask('q1', 1);
  await world.readings.get('acme')!.done(stored(1, false, [7]));
  expect(world.answers).toEqual(['q1 true']);
});

it('adds no news that ClickHouse was known to hold, though a slow reading of others needs it', async () => {
  const world = await World.begun();
  await world.ask('slow', 1, 'globex');
  await world.log.give(about(1), about(2, 1));
  await world.ask('q1', 1);
  await world.store(2);
  await world.readings.get('acme')!.done(stored(1, false));
  expect(world.answers).toEqual(['q1 false']);
});

it('answers by ClickHouse alone once that holds what precedes the question, and does not remember that', async () => {
  const world = await World.begun();
  await world.ask('q1', 1);
  // More than is kept.
  await world.log.give(...Array.from({ length: 20_001 }, () => about(2)));
  await world.readings.get('acme')!.done(stored(1, true));
  expect(world.answers).toEqual(['q1 true']);
  await world.ask('q2', 1);
  expect([world.answers.length, world.waits.map(({ offset }) => offset)]).toEqual([1, [20_001]]);
  // Much has happened meanwhile again.
  await world.log.give(...Array.from({ length: 20_001 }, () => about(2)));
  await world.store(20_001);
  await world.readings.get('acme')!.done(stored(1, false));
  expect(world.answers).toEqual(['q1 true', 'q2 false']);
});

it('knows all that ClickHouse held when people were read', async () => {
  const world = await World.begun();
  await world.log.give(about(1));
  await world.ask('q1', 1);
  // ClickHouse holds the next record already.
  world.log.end = 2;
  await world.readings.get('acme')!.done(stored(1, false));
  expect(world.answers).toEqual([]);
  await world.log.give(retracted(1));
  expect(world.answers).toEqual(['q1 false']);
});

it('reads somebody who was merged again when they have news', async () => {
  const world = await World.begun();
  await world.log.give(about(7));
  await world.ask('q1', 7);
  // Another merge was stored meanwhile, and the rows were not.
  world.log.end = 2;
  await world.readings.get('acme')!.done(stored(1, false, [7]));
  await world.log.give(mergeOutcome('acme', 7, 1));
  expect(world.answers).toEqual([]);
  await world.store(2);
  await world.readings.get('acme')!.done(stored(1, true, [7]));
  expect(world.answers).toEqual(['q1 true']);
});

it('adds the news of the person into whom somebody was merged', async () => {
  const world = await World.begun();
  await world.log.give(about(1));
  await world.ask('q1', 7);
  await world.readings.get('acme')!.done(stored(1, false, [7]));
  expect(world.answers).toEqual(['q1 true']);
});

it('starts over when trait-events can no longer be read', async () => {
  const world = await World.begun();
  await world.log.give(mergeOutcome('acme', 1, 2));
  await world.ask('q1', 1);
  expect(world.waits.map(({ offset }) => offset)).toEqual([1]);
  // It is another log, with less in it.
  world.log.end = 0;
  await world.log.fail();
  expect(world.waits.map(({ offset }) => offset)).toEqual([0]);
  await world.store(0);
  await world.readings.get('acme')!.done(stored(1, true));
  expect(world.answers).toEqual(['q1 true']);
});

it('reads workspaces in turn', async () => {
  const world = await World.begun();
  await world.ask('first', 1);
  await world.ask('many', 2, 'acme', 1_500);
  for (const workspace of ['b', 'c', 'd', 'e']) await world.ask('q', 1, workspace);
  expect([...world.readings.keys()]).toEqual(['acme', 'b', 'c', 'd']);
  await world.readings.get('acme')!.done();
  expect([world.readings.get('acme')!.ids, world.answers.length]).toEqual([[2], 1]);
  await world.readings.get('acme')!.done();
  expect([[...world.readings.keys()], world.answers.length]).toEqual([['b', 'c', 'd', 'e'], 1_001]);
});
