import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { FlowEvent } from '../../schemas/types.ts';
import { sweepSteps } from '../../services/sink/step-sweep.ts';
import { verify } from '../../services/sink/verify.ts';
import { flowEvent, openWorld, person, waitFor, type SinkWorld } from './sink-world.ts';

let world: SinkWorld;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(async () => {
  await world.close();
});

const T = 1_800_000_000_000;
const sms = { node: 'remind', channel: 'sms', class: 'marketing', request_id: 'q1' } as const;

async function write(events: readonly FlowEvent[]): Promise<void> {
  await world.producer.send(
    events.map((event) => ({
      ...{ topic: TOPICS.flowEvents, key: event.workspace, partition: 0 },
      value: world.codecs.flowEvents.encode(event),
    })),
  );
}

/** A run with a message that was requested twice, one that waits, and one that was skipped; and another person's refusal. */
const STEPS: FlowEvent[] = [
  flowEvent({ at: T - 1, input_offset: 5 }),
  flowEvent({ at: T, input_offset: 5, ordinal: 1, what: 'reached', node: 'remind' }),
  flowEvent({ at: T + 1, input_offset: 5, ordinal: 2, what: 'requested', due_at: T, ...sms }),
  flowEvent({ at: T + 5, input_offset: 7, what: 'requested', due_at: T, ...sms }),
  flowEvent({ at: T + 9, input_offset: 8, what: 'sent', ...sms, address: '+18085550143', text: '{"text":"Hi"}' }),
  flowEvent({ at: T + 10, input_offset: 9, what: 'requested', ...sms, node: 'offer', request_id: 'q2' }),
  flowEvent({
    at: T + 11,
    input_offset: 10,
    what: 'skipped',
    reason: 'capped',
    ...sms,
    node: 'more',
    request_id: 'q3',
  }),
  flowEvent({ at: T + 12, input_offset: 11, person_id: 2, what: 'refused', reason: 'live', run_id: '', cart_id: 'd' }),
];

const steps = () => world.rows('SELECT what, person_id, cart_id, reason FROM v_flow_events ORDER BY at, what');
const messages = () =>
  world.rows(
    `SELECT node, person_id, outcome, reason, toUnixTimestamp64Milli(requested_at) - ${T} AS requested,
      toUnixTimestamp64Milli(sent_at) - ${T} AS sent FROM v_messages ORDER BY node`,
  );
const EMPTY = { reason: '', sent: null };

it('shows steps and messages once, whatever is repeated, and verify compares them', async () => {
  await write(STEPS);
  await write(STEPS);
  const sink = world.start();
  await world.settled(sink, TOPICS.flowEvents);
  await sink.stop();
  expect(await steps()).toHaveLength(STEPS.length);
  expect(await messages()).toEqual([
    { ...EMPTY, node: 'more', person_id: 1, outcome: 'skipped', reason: 'capped', requested: null },
    { ...EMPTY, node: 'offer', person_id: 1, outcome: null, requested: 10 },
    { ...EMPTY, node: 'remind', person_id: 1, outcome: 'sent', requested: 1, sent: 9 },
  ]);
  const { kafka, client, codecs } = world;
  const verified = () => verify({ kafka, client, clock: systemClock, codecs, workspace: null });
  const report = await verified();
  expect(report.ok).toBe(true);
  expect(report.tables.find(({ table }) => table === 'flow_events')).toMatchObject({ inTopic: 8, inTable: 8 });
  await client.command({
    query: "ALTER TABLE flow_events DELETE WHERE what = 'sent'",
    clickhouse_settings: { mutations_sync: '2' },
  });
  const damaged = await verified();
  expect(damaged.tables.find(({ table }) => table === 'flow_events')).toMatchObject({
    missing: 1,
    examples: ['w0 8 0'],
  });
});

it('a merge applies to earlier steps, and an erasure leaves them without person, cart and text', async () => {
  await world.say(0, [{ person: person(1) }, { person: person(2) }, { person: person(3) }]);
  await write(STEPS);
  const sink = world.start();
  await world.settled(sink);
  await world.settled(sink, TOPICS.flowEvents);
  await world.say(0, [{ merge: { loser: 1, winner: 3, dissolved: true } }]);
  await world.settled(sink);
  expect(new Set((await messages()).map((row) => row['person_id']))).toEqual(new Set([3]));
  const shown = () => world.rows("SELECT address, text, event_id FROM flow_steps WHERE what = 'sent'");
  expect(await shown()).toEqual([{ address: '+18085550143', text: '{"text":"Hi"}', event_id: 'e1' }]);

  const erasure = { person_id: 3, former_ids: [1], carts: [], trait_events: [] };
  await world.say(0, [{ kind: 'erasure', log_time: T + 100, erasure }]);
  await world.settled(sink);
  expect(await shown()).toEqual([{ address: null, text: null, event_id: '' }]);
  expect(await steps()).toEqual(
    STEPS.map(({ what, reason, person_id, cart_id }) => ({
      ...{ what, reason },
      ...(person_id === 1 ? { person_id: 0, cart_id: '' } : { person_id, cart_id }),
    })),
  );
  const untilEmpty = (): Promise<void> =>
    waitFor('the columns are empty in the parts too', async () => {
      const [row] = await world.rows<{ n: number }>(
        "SELECT countIf(text IS NOT NULL OR person_id = 1 OR cart_id = 'c') AS n FROM flow_events",
      );
      return row?.n === 0;
    });
  await untilEmpty();
  expect(await sweepSteps(world.client)).toBe(0);

  // The consumer of flow-events was behind, and its times are not those of the erasure.
  await write([
    flowEvent({ at: T + 50, input_offset: 20, what: 'sent', ...sms, address: '+18085550143', text: '{}' }),
    flowEvent({ at: T + 200, input_offset: 21, what: 'unknown', ...sms, address: '+18085550143', text: '{}' }),
    flowEvent({ at: T + 201, input_offset: 22, what: 'goal', event_id: 'g1' }),
  ]);
  await world.settled(sink, TOPICS.flowEvents);
  expect(await sweepSteps(world.client)).toBe(1);
  await untilEmpty();
  // Goals are counted by it.
  expect(await world.rows("SELECT event_id FROM flow_events WHERE what = 'goal'")).toEqual([{ event_id: 'g1' }]);
  expect(await sweepSteps(world.client)).toBe(0);
});
