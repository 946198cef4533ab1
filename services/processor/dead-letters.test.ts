import { describe, expect, it } from 'vitest';
import { flowInput, flowProfile } from '../../lib/flows/testing/records.ts';
import type { SkippedRecord } from '../../lib/streams/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { PersonInput } from '../../schemas/types.ts';
import { withCartDeadLetters, withFlowDeadLetters, withPersonDeadLetters } from './dead-letters.ts';
import { carts, codecs, delivery, flows, people } from './testing.ts';

const AT = Date.UTC(2026, 2, 17);
const REASON = 'known to be damaged';
const cartsWith = withCartDeadLetters(carts(), codecs.deadLetters);
const peopleWith = withPersonDeadLetters(people(), codecs.deadLetters);
const flowsWith = withFlowDeadLetters(flows(), codecs.deadLetters);

const skipped = (topic: SkippedRecord['topic'], key: string, value: Buffer | null): SkippedRecord => ({
  ...{ topic, partition: 2, offset: 7, key, value, appendTimeMs: AT + 9 },
});

function letterOf(topology: { deadLetter?: typeof cartsWith.deadLetter }, record: SkippedRecord) {
  const { key, value } = topology.deadLetter!(record, REASON);
  return { key, ...codecs.deadLetters.decode(value) };
}

describe('the dead letter of a skipped record of carts', () => {
  const webhook = {
    ...delivery('w1', '42', AT),
    source: 'webhook' as const,
    subscription_id: 's1',
    request_at: AT - 5,
  };

  it('has what was sent, and where it came in', () => {
    const letter = letterOf(cartsWith, skipped(TOPICS.cartEvents, 'w1:42', codecs.cartEvents.encode(webhook)));
    const { source, subscription_id, request_at, received_at, body } = { ...webhook };
    expect(letter).toMatchObject({ key: 's1', workspace: 'w1', reason: 'record_skipped', line: null });
    expect(letter).toMatchObject({ source, subscription_id, request_at, received_at, body, body_truncated: false });
    expect(letter.message).toContain('cart-events, partition 2, offset 7');
    expect(letter.message).toContain(REASON);
  });

  it('of a line has the source "events"', () => {
    const value = codecs.cartEvents.encode(delivery('w1', '42', AT));
    expect(letterOf(cartsWith, skipped(TOPICS.cartEvents, 'w1:42', value))).toMatchObject({
      key: 'events',
      source: 'events',
      subscription_id: null,
    });
  });

  it('has the record itself when it cannot be decoded', () => {
    for (const value of [Buffer.from([9, 9, 9]), null]) {
      expect(letterOf(cartsWith, skipped(TOPICS.cartEvents, 'w1:42', value))).toMatchObject({
        ...{ workspace: 'w1', source: 'events', subscription_id: null, request_at: null, received_at: AT + 9 },
        body: value ?? Buffer.alloc(0),
      });
    }
  });

  it('is the same when it is written again, and another one for another record', () => {
    const record = skipped(TOPICS.cartEvents, 'w1:42', codecs.cartEvents.encode(webhook));
    const id = (of: SkippedRecord): string => letterOf(cartsWith, of).dead_letter_id;
    expect(id({ ...record })).toBe(id(record));
    expect(id({ ...record, offset: 8 })).not.toBe(id(record));
  });

  it('holds at most 1 MiB', () => {
    const value = codecs.cartEvents.encode({ ...webhook, body: Buffer.alloc((1 << 20) + 1, 'x') });
    const letter = letterOf(cartsWith, skipped(TOPICS.cartEvents, 'w1:42', value));
    expect([letter.body.length, letter.body_truncated]).toEqual([1 << 20, true]);
  });
});

describe('the dead letter of a state entry whose deadline failed', () => {
  it('has the entry, its workspace and its name, not those of the record at which it failed', () => {
    const entry = { key: 'w2:77', value: Buffer.from([1, 2, 3]) };
    const record = {
      ...skipped(TOPICS.cartEvents, 'w1:42', codecs.cartEvents.encode(delivery('w1', '42', AT))),
      entry,
    };
    const letter = letterOf(cartsWith, record);
    expect(letter).toMatchObject({ key: 'events', source: 'events', workspace: 'w2', reason: 'state_removed' });
    expect(letter).toMatchObject({ body: entry.value, received_at: AT + 9, request_at: null, subscription_id: null });
    expect(letter.message).toContain('w2:77');
    const other = { ...record, entry: { ...entry, key: 'w2:78' } };
    expect(letterOf(cartsWith, other).dead_letter_id).not.toBe(letter.dead_letter_id);
    expect(letterOf(peopleWith, { ...record, entry: { ...entry, key: 'p/w3/4' } }).workspace).toBe('w3');
  });
});

describe('the dead letter of a skipped record of people', () => {
  it('has the input record as JSON', () => {
    const input: PersonInput = {
      ...{ kind: 'record', workspace: 'w1', log_time: null, received_at: AT, cart: null, erasure: null },
      link_rules: null,
      command: null,
      settings: null,
      code_pool: null,
      record: {
        ...{ identifiers: [], sms_consent: null, email_consent: null, name: 'Ann', time_zone: null, occurred_at: AT },
      },
    };
    const letter = letterOf(peopleWith, skipped(TOPICS.personInputs, 'w1', codecs.personInputs.encode(input)));
    expect(letter).toMatchObject({ key: 'people', source: 'people', workspace: 'w1', reason: 'record_skipped' });
    expect(letter.received_at).toBe(AT);
    expect(JSON.parse(letter.body.toString('utf8'))).toMatchObject({ kind: 'record', record: { name: 'Ann' } });
  });
});

describe('the dead letter of a skipped record of flows', () => {
  const input = flowInput(AT, { profile: flowProfile({ person_id: 7, emails: [{ value: 'a@x.io', consent: null }] }) });
  const record = skipped(TOPICS.flowInputs, 'w', codecs.flowInputs.encode(input));

  it('has the input record as JSON', () => {
    const letter = letterOf(flowsWith, record);
    expect(letter).toMatchObject({ key: 'flows', source: 'flows', workspace: 'w', reason: 'record_skipped' });
    expect(letter).toMatchObject({ received_at: AT, subscription_id: null, request_at: null });
    expect(letter.message).toContain('flow-inputs, partition 2, offset 7');
    expect(JSON.parse(letter.body.toString('utf8'))).toMatchObject({ kind: 'profile', profile: { person_id: 7 } });
  });

  it('has the record itself when it cannot be decoded', () => {
    const value = Buffer.from([9, 9, 9]);
    const letter = letterOf(flowsWith, skipped(TOPICS.flowInputs, 'w', value));
    expect(letter).toMatchObject({ source: 'flows', workspace: 'w', received_at: AT + 9, body: value });
  });

  it('of a state entry is one of the workspace of its run, cart, address or job', () => {
    const of = (key: string): string =>
      letterOf(flowsWith, { ...record, entry: { key, value: Buffer.from([1]) } }).workspace;
    for (const key of ['r:w2:f:e:k', 'c:w2:7:9', 'h:w2:00', 'j:pause:w2:f']) expect(of(key)).toBe('w2');
    expect(of('j:queue')).toBe('w');
  });
});

it('a topology writes dead letters once among its outputs', () => {
  expect(cartsWith.outputs.filter((topic) => topic === TOPICS.deadLetters)).toHaveLength(1);
  expect(peopleWith.outputs).toEqual([...people().outputs, TOPICS.deadLetters]);
  expect(flowsWith.outputs).toEqual([...flows().outputs, TOPICS.deadLetters]);
});
