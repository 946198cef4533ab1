import pino from 'pino';
import { expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import type { Outcome } from '../../schemas/types.ts';
import { mergeOutcome, traitFacts, traitOutcome } from '../audiences/testing.ts';
import { ManualLog, outcomes } from './testing/manual-log.ts';
import { TraitTail } from './trait-tail.ts';

const about = (personId: number, eventId = 'e'): Outcome => traitOutcome('acme', personId, traitFacts(eventId, 1));

/** A tail of an empty partition. */
function world() {
  const clock = new ManualClock();
  const log = new ManualLog(clock);
  const seen: string[] = [];
  const tail = new TraitTail({
    ...{ partition: 0, outcomes, clock, signal: new AbortController().signal, logger: pino({ enabled: false }) },
    kafka: log.kafka,
    onNews: (workspace, personId, { outcome, plainFor }) =>
      seen.push(`${workspace} ${personId} ${plainFor === personId ? outcome.kind : '?'}`),
    isNeeded: () => false,
    onAnyNews: (workspace) => seen.push(`${workspace ?? 'all'} anybody`),
    onLost: () => seen.push('lost'),
  });
  const isOver = async (promise: Promise<unknown>): Promise<boolean> => {
    let over = false;
    void promise.then(() => (over = true));
    await clock.advance(0);
    return over;
  };
  return { clock, log, tail, seen, isOver };
}

it('keeps what is news until ClickHouse holds it', async () => {
  const { tail, log, seen } = world();
  await tail.catchUp(['acme']);
  expect(tail.boundOf('acme', 1)).toBe(0);
  const unconcerned = traitOutcome('globex', 1, traitFacts('e', 1));
  await log.give(about(1), about(2), about(1), mergeOutcome('acme', 2, 3), unconcerned);
  expect(tail.newsOf('acme', 1, 0)).toHaveLength(2);
  expect([1, 2, 3, 4].map((id) => tail.boundOf('acme', id))).toEqual([0, 4, 4, 0]);
  expect(seen).toEqual(['acme 1 trait', 'acme 2 trait', 'acme 1 trait', 'acme 2 ?', 'acme 3 ?']);
  tail.forget(2);
  expect([tail.newsOf('acme', 1, 0).length, tail.newsOf('acme', 2, 0).length]).toEqual([1, 0]);
  expect([1, 2, 3, 4].map((id) => tail.boundOf('acme', id))).toEqual([2, 4, 4, 2]);
  tail.forget(5);
  expect([tail.size, tail.fullness, tail.boundOf('acme', 2)]).toEqual([0, 0, 5]);
  expect(tail.boundOf('globex', 1)).toBeUndefined();
});

it('has no news from before what ClickHouse is known to hold', async () => {
  const { tail, log } = world();
  await tail.catchUp(['acme']);
  await log.give(about(1, 'a'), traitOutcome('acme', 2, traitFacts('a', 1), { moved_from: 1 }), about(1, 'b'));
  expect(tail.boundOf('acme', 1)).toBe(2);
  expect(tail.newsOf('acme', 1, 2).map(({ trait }) => trait!.event_id)).toEqual(['b']);
});

it('takes news about a former id for news about the person, unless it is plain for them', async () => {
  const { tail, log } = world();
  await tail.catchUp(['acme']);
  await log.give(traitOutcome('acme', 1, traitFacts('a', 1), { moved_from: 7 }));
  expect([tail.boundOf('acme', 1, [7]), tail.boundOf('acme', 2, [7])]).toEqual([0, 1]);
  await log.give(traitOutcome('acme', 3, traitFacts('a', 1), { moved_from: 7 }));
  expect([tail.boundOf('acme', 1), tail.boundOf('acme', 1, [7])]).toEqual([0, 2]);
});

it('resolves when everything that was there has been read', async () => {
  const { tail, log, isOver } = world();
  await tail.catchUp(['acme']);
  log.end = 2;
  const caughtUp = tail.catchUp(['acme']);
  expect(await isOver(caughtUp)).toBe(false);
  await log.give(about(1));
  expect(await isOver(caughtUp)).toBe(false);
  await log.give(about(1));
  expect([await isOver(caughtUp), await caughtUp]).toEqual([true, 2]);
});

it('knows nothing of what precedes a workspace that is followed later', async () => {
  const { tail, log } = world();
  await tail.catchUp(['globex']);
  await log.give(about(1), about(1));
  await tail.catchUp(['acme']);
  expect([tail.boundOf('acme', 1), tail.newsOf('acme', 1, 0)]).toEqual([2, []]);
});

it.each([
  ['records', 20_001, 'e'],
  ['bytes', 50, 'e'.repeat(100_000)],
])('begins again when it keeps too many %s', async (_, count, eventId) => {
  const { tail, log, seen } = world();
  await tail.catchUp(['acme']);
  await log.give(...Array.from({ length: count }, () => about(1, eventId)));
  expect([tail.size, tail.newsOf('acme', 1, 0), tail.boundOf('acme', 1), tail.boundOf('acme', 2)]).toEqual([
    ...[0, [], count, count],
  ]);
  expect(seen.at(-1)).toBe('all anybody');
});

it('forgets everything when reading fails, and begins again for the next question', async () => {
  const { tail, log, seen } = world();
  await tail.catchUp(['acme']);
  await log.give(about(1));
  log.end = 5;
  const caughtUp = tail.catchUp(['acme']);
  const failed = expect(caughtUp).rejects.toThrow('no broker');
  await log.fail();
  await failed;
  expect([seen.at(-1), tail.size]).toEqual(['lost', 0]);
  expect(tail.boundOf('acme', 1)).toBeUndefined();
  await tail.catchUp(['acme']);
  expect([log.readers, tail.boundOf('acme', 1)]).toEqual([2, 5]);
});

it('ends when nobody has asked for a while', async () => {
  const { clock, tail, log, seen } = world();
  await tail.catchUp(['acme']);
  await clock.advance(9_999);
  await log.give(about(1));
  expect(tail.newsOf('acme', 1, 0)).toHaveLength(1);
  await clock.advance(1);
  await log.give(about(1));
  expect([seen.at(-1), tail.size]).toEqual(['lost', 0]);
});
