import pino from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { TOUCH } from '../../lib/audiences/index.ts';
import { localCodec } from '../../lib/avro/testing.ts';
import { streamMetrics } from '../../lib/streams/metrics.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Outcome } from '../../schemas/types.ts';
import { Intake } from './intake.ts';
import { personOutcome } from './testing.ts';

const codec = localCodec<Outcome>(TOPICS.traitEvents);
const owner = {};
const reader = {
  assign: () => undefined,
  seek: () => undefined,
  remove: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
  poll: () => Promise.resolve([]),
  close: () => Promise.resolve(),
};

let intake: Intake;
/** The offsets that are waited for, and how to say that ClickHouse has what is before them. */
let waits: [offset: number, stored: (offset: number) => void][];
let end: number;

beforeEach(() => {
  waits = [];
  end = 0;
  intake = new Intake(
    {
      partition: 0,
      reader,
      decoding: {
        topology: { name: 'audiences', input: { topic: TOPICS.traitEvents, decode: (value) => codec.decode(value) } },
        partition: 0,
        logger: pino({ level: 'silent' }),
        metrics: streamMetrics(),
        unlessEnding: (work) => work,
        pause: () => Promise.resolve(),
      },
      concerns: (workspace) => workspace === 'acme',
      untilStored: (offset) => new Promise((resolve) => waits.push([offset, resolve])),
      onRecord: () => undefined,
      wake: () => undefined,
    },
    owner,
  );
  intake.start(0);
});

/** Records about these people arrive. */
async function arrive(workspace: string, ...ids: number[]): Promise<void> {
  const records = ids.map((id) => ({
    ...{ offset: end++, timestampMs: 0, key: Buffer.from(workspace), headers: {} },
    value: codec.encode(personOutcome(workspace, id)),
  }));
  const batch = { topic: TOPICS.traitEvents, partition: 0, nextOffset: end, highWatermark: end, lastStableOffset: end };
  intake.offer({ ...batch, records, owner });
  await intake.takeArrivals();
}

/** ClickHouse has what is waited for, or everything before an offset. */
async function stored(upTo?: number): Promise<void> {
  for (const [offset, resolve] of waits.splice(0)) resolve(upTo ?? offset);
  await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

const people = (gathered: { touched: { of(workspace: string): ReadonlyMap<number, number> } } | null): number[] => [
  ...(gathered?.touched.of('acme').keys() ?? []),
];

describe('the intake', () => {
  it('lets what arrives during an evaluation wait for ClickHouse meanwhile', async () => {
    await arrive('acme', 1);
    await stored();
    expect(people(intake.begin())).toEqual([1]);
    await arrive('acme', 2);
    expect(waits.map(([offset]) => offset)).toEqual([2]);
    await stored();
    intake.done();
    const next = intake.begin();
    expect({ people: people(next), offset: next?.offset }).toEqual({ people: [2], offset: 2 });
    intake.done();
    expect(intake.isReady).toBe(false);
  });

  it('takes everything that ClickHouse has, also what has arrived while it was waited for', async () => {
    for (const id of [1, 2, 3]) await arrive('acme', id);
    expect(waits.map(([offset]) => offset)).toEqual([1]);
    await stored(2);
    expect(waits.map(([offset]) => offset)).toEqual([3]);
    const ready = intake.begin();
    expect({ people: people(ready), offset: ready?.offset }).toEqual({ people: [1, 2], offset: 2 });
    intake.done();
    await stored();
    expect(people(intake.begin())).toEqual([3]);
  });

  it('is not ready before ClickHouse has the records', async () => {
    await arrive('acme', 1);
    expect([intake.isReady, intake.begin()]).toEqual([false, null]);
    await stored();
    expect(intake.isReady).toBe(true);
  });

  it('knows the newer records of a person, waiting or not, and puts the person off until they are evaluated', async () => {
    await arrive('acme', 1, 2, 3);
    await stored();
    intake.begin();
    expect(intake.hasNewer('acme', 1)).toBe(false);
    await arrive('acme', 1);
    await arrive('acme', 2);
    expect([1, 2, 3].map((id) => intake.hasNewer('acme', id))).toEqual([true, true, false]);
    intake.defer('acme', 1, TOUCH.retracted);
    await stored();
    expect(intake.hasNewer('acme', 1)).toBe(true);
    intake.done();
    expect([...intake.begin()!.touched.of('acme')]).toEqual([[1, TOUCH.facts | TOUCH.retracted]]);
  });

  it('does not pass what is being evaluated with records that concern nobody', async () => {
    await arrive('acme', 1);
    await stored();
    intake.begin();
    await arrive('globex', 2);
    expect(intake.passOn()).toBe(null);
    intake.done();
    expect(intake.passOn()).toMatchObject({ offset: 2 });
  });
});
