import pino from 'pino';
import { expect, it } from 'vitest';
import { UnknownSchemaError } from '../../lib/avro/index.ts';
import { ClosedError } from '../../lib/streams/errors.ts';
import { streamMetrics } from '../../lib/streams/metrics.ts';
import type { TaskLife } from '../../lib/streams/task-life.ts';
import { TOPICS } from '../../lib/topics.ts';
import { Intake, type IntakeDeps } from './intake.ts';
import { DeliveryState } from './state.ts';
import { flowQuestion, sendRequest } from './testing.ts';

const owner = {};

/**
 * The intake of a task, and how many questions arrive together.
 * @param endsAt the question at which the task ends, as it may while a schema is loaded
 */
function world(endsAt = '') {
  const state = new DeliveryState();
  const reader = { seek: () => undefined, pause: () => undefined } as unknown as IntakeDeps['reader'];
  const life = { unlessEnding: (work: unknown) => work } as unknown as TaskLife;
  const requests = {
    decode: (value: Buffer) => {
      if (value.toString() === endsAt) throw new UnknownSchemaError(7, () => Promise.reject(new ClosedError()));
      return sendRequest('acme', { question: flowQuestion(value.toString(), 1, 0) });
    },
  };
  const deps = {
    codecs: { requests },
    logger: pino({ enabled: false }),
    streamMetrics: streamMetrics(),
  } as unknown as IntakeDeps['deps'];
  const intake = new Intake(
    { partition: 0, reader, life, deps, state, revoke: () => undefined, wake: () => undefined },
    owner,
  );
  intake.start(0, 0);
  let end = 0;
  const arrive = (count: number): void => {
    const records = Array.from({ length: count }, () => ({
      ...{ offset: end, timestampMs: 0, key: null, headers: {}, value: Buffer.from(`q${end++}`) },
    }));
    const at = { topic: TOPICS.sendRequests, partition: 0, nextOffset: end, highWatermark: end, lastStableOffset: end };
    intake.offer({ ...at, records, owner });
  };
  return { state, intake, arrive };
}

it('takes no more than fills a transaction, batch by batch', async () => {
  const { state, intake, arrive } = world();
  for (let i = 0; i < 4; i++) arrive(2_500);
  expect(await intake.takeArrivals()).toHaveLength(5_000);
  expect([state.isFull(), intake.hasArrivals, intake.readOffset]).toEqual([true, true, 5_000]);
  expect(await intake.takeArrivals()).toHaveLength(0);
  state.takeEffects();
  expect(await intake.takeArrivals()).toHaveLength(5_000);
  expect([intake.hasArrivals, intake.readOffset]).toEqual([false, 10_000]);
});

it('is behind the last record that it has taken when its task ends in the middle of a batch', async () => {
  const { state, intake, arrive } = world('q2');
  arrive(4);
  await expect(intake.takeArrivals()).rejects.toThrow(ClosedError);
  expect([[...state.questions.keys()], intake.readOffset, intake.mark?.offset]).toEqual([['q0', 'q1'], 2, 1]);
});
