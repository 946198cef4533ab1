import pino from 'pino';
import { expect, it } from 'vitest';
import { localCodec } from '../../lib/avro/testing.ts';
import { ManualClock } from '../../lib/clock/testing.ts';
import type { Batch, Reader } from '../../lib/kafka/types.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Outcome } from '../../schemas/types.ts';
import { mergeOutcome, traitFacts, traitOutcome } from '../audiences/testing.ts';
import { TraitTail } from './trait-tail.ts';

const outcomes = localCodec<Outcome>(TOPICS.traitEvents);
const about = (personId: number): Outcome => traitOutcome('acme', personId, traitFacts('e', 1));

/** A tail of an empty partition whose records a test gives, batch by batch. */
function world() {
  const clock = new ManualClock();
  const ending = new AbortController();
  const seen: string[] = [];
  const topic = TOPICS.traitEvents;
  let end = 0;
  let readers = 0;
  let read = 0;
  let next: { resolve(batches: Batch[]): void; reject(error: Error): void } | null = null;
  const reader = {
    assign: ([at]: { offset: number }[]) => void ((read = at!.offset), readers++),
    poll: () => new Promise<Batch[]>((resolve, reject) => (next = { resolve, reject })),
    close: () => Promise.resolve(next?.resolve([])),
  } as unknown as Reader;
  const tail = new TraitTail({
    ...{ partition: 0, outcomes, clock, signal: ending.signal, logger: pino({ enabled: false }) },
    kafka: { createReader: () => reader, rangeOf: () => Promise.resolve({ beginning: 0, end }) },
    onNews: (workspace, personId, news) => seen.push(`${workspace} ${personId} ${news === null ? '?' : news.kind}`),
    isNeeded: () => false,
    onAnyNews: (workspace) => seen.push(`${workspace ?? 'all'} anybody`),
  });
  const give = async (values: readonly Outcome[]): Promise<void> => {
    const records = values.map((value, i) => ({
      ...{ offset: read + i, timestampMs: 0, key: Buffer.from(value.workspace), headers: {} },
      value: outcomes.encode(value),
    }));
    read += values.length;
    end = Math.max(end, read);
    next!.resolve([{ topic, partition: 0, records, nextOffset: read, highWatermark: end, lastStableOffset: end }]);
    await clock.advance(0);
  };
  const fail = async (): Promise<void> => {
    next!.reject(new Error('no broker'));
    await clock.advance(0);
  };
  const isOver = async (promise: Promise<void>): Promise<boolean> => {
    let over = false;
    void promise.then(() => (over = true));
    await clock.advance(0);
    return over;
  };
  return { clock, tail, seen, give, fail, isOver, endsAt: (offset: number) => (end = offset), readers: () => readers };
}

it('keeps what is news until ClickHouse holds it', async () => {
  const { tail, give, seen } = world();
  await tail.catchUp(['acme']);
  expect(tail.boundOf('acme', 1)).toBe(0);
  await give([about(1), about(2), about(1), mergeOutcome('acme', 2, 3), traitOutcome('globex', 1, traitFacts('e', 1))]);
  expect(tail.newsOf('acme', 1)).toHaveLength(2);
  expect([1, 2, 3, 4].map((id) => tail.boundOf('acme', id))).toEqual([0, 4, 4, 0]);
  expect(seen).toEqual(['acme 1 trait', 'acme 2 trait', 'acme 1 trait', 'acme 2 ?', 'acme 3 ?']);
  tail.forget(2);
  expect([tail.newsOf('acme', 1).length, tail.newsOf('acme', 2).length]).toEqual([1, 0]);
  expect([1, 2, 3, 4].map((id) => tail.boundOf('acme', id))).toEqual([2, 4, 4, 2]);
  tail.forget(5);
  expect([tail.size, tail.boundOf('acme', 2)]).toEqual([0, 5]);
  expect(tail.boundOf('globex', 1)).toBeUndefined();
});

it('resolves when everything that was there has been read', async () => {
  const { tail, give, isOver, endsAt } = world();
  await tail.catchUp(['acme']);
  endsAt(2);
  const caughtUp = tail.catchUp(['acme']);
  expect(await isOver(caughtUp)).toBe(false);
  await give([about(1)]);
  expect(await isOver(caughtUp)).toBe(false);
  await give([about(1)]);
  expect(await isOver(caughtUp)).toBe(true);
});

it('knows nothing of what precedes a workspace that is followed later', async () => {
  const { tail, give } = world();
  await tail.catchUp(['globex']);
  await give([about(1), about(1)]);
  await tail.catchUp(['acme']);
  expect([tail.boundOf('acme', 1), tail.newsOf('acme', 1)]).toEqual([2, []]);
});

it('begins again when it keeps too much', async () => {
  const { tail, give, seen } = world();
  await tail.catchUp(['acme']);
  await give(Array.from({ length: 20_001 }, () => about(1)));
  expect([tail.size, tail.newsOf('acme', 1), tail.boundOf('acme', 1), tail.boundOf('acme', 2)]).toEqual([
    ...[0, [], 20_001, 20_001],
  ]);
  expect(seen.at(-1)).toBe('all anybody');
});

it('forgets everything when reading fails, and begins again for the next question', async () => {
  const { tail, give, fail, seen, endsAt, readers } = world();
  await tail.catchUp(['acme']);
  await give([about(1)]);
  endsAt(5);
  const caughtUp = tail.catchUp(['acme']);
  const failed = expect(caughtUp).rejects.toThrow('no broker');
  await fail();
  await failed;
  expect([seen.at(-1), tail.size]).toEqual(['all anybody', 0]);
  expect(tail.boundOf('acme', 1)).toBeUndefined();
  await tail.catchUp(['acme']);
  expect([readers(), tail.boundOf('acme', 1)]).toEqual([2, 5]);
});

it('ends when nobody has asked for a while', async () => {
  const { clock, tail, give, seen } = world();
  await tail.catchUp(['acme']);
  await clock.advance(9_999);
  await give([about(1)]);
  expect(tail.newsOf('acme', 1)).toHaveLength(1);
  await clock.advance(1);
  await give([about(1)]);
  expect([seen.at(-1), tail.size]).toEqual(['all anybody', 0]);
});
