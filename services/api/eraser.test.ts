import { describe, expect, it } from 'vitest';
import { localCodec } from '../../lib/avro/testing.ts';
import { ManualClock } from '../../lib/clock/testing.ts';
import type { OutgoingRecord } from '../../lib/kafka/index.ts';
import type { DeadLetter, PersonInput } from '../../schemas/types.ts';
import {
  createEraser,
  emailPattern,
  erasureRecords,
  phonePattern,
  StageBehindError,
  type EraserOptions,
} from './eraser.ts';

const matches = (pattern: string, text: string): boolean =>
  new RegExp(pattern.replace('(?i)', ''), 'i').test(text.replace(/[\s().-]/g, pattern.startsWith('(?i)') ? '$&' : ''));

describe('the pattern of addresses', () => {
  const pattern = emailPattern(['kay@example.com', 'a+b@x.io']);

  it('finds an address in any case, as a whole', () => {
    expect(matches(pattern, '{"email":"Kay@Example.com"}')).toBe(true);
    expect(matches(pattern, '{"email":"a+b@x.io"}')).toBe(true);
    for (const other of [
      'okay@example.com',
      'kay@example.com.mx',
      'kay@example.community',
      'kay@exampleXcom',
      'aab@x.io',
    ]) {
      expect(matches(pattern, `{"email":"${other}"}`), other).toBe(false);
    }
  });
});

describe('the pattern of phones', () => {
  const pattern = phonePattern(['+18085550143', '+442079460123']);

  it('finds a number with and without its country code and punctuation', () => {
    for (const text of [
      '+18085550143',
      '(808) 555-0143',
      '+8085550143',
      '1.808.555.0143',
      '020 7946 0123',
      '+44 (0)20 7946 0123',
    ]) {
      expect(matches(pattern, `{"phone":"${text}"}`), text).toBe(true);
    }
    expect(matches(pattern, '{"phone":8085550143}')).toBe(true);
    for (const text of ['8085550144', '80855501430', '98085550143', '+18085550']) {
      expect(matches(pattern, `{"phone":"${text}"}`), text).toBe(false);
    }
  });
});

describe('an erasure', () => {
  it('names everything, in several records if there is much', () => {
    const carts = Array.from({ length: 2_500 }, (_, i) => `c${i}`);
    const records = erasureRecords('acme', { identifiers: [{ kind: 'phone', value: '+18085550143' }], carts }, 7_000);
    expect(records.map(({ erasure }) => erasure?.carts.length)).toEqual([1_000, 1_000, 500]);
    expect(records.flatMap(({ erasure }) => erasure?.carts ?? [])).toEqual(carts);
    expect(records.flatMap(({ erasure }) => erasure?.identifiers ?? [])).toHaveLength(1);
    expect(new Set(records.map(({ erasure }) => erasure?.received_through))).toEqual(new Set([7_000]));
    expect(erasureRecords('acme', { identifiers: [], carts: ['c'] }, 1)).toHaveLength(1);
  });

  const erased = {
    identifiers: [
      { kind: 'email' as const, value: 'kay@example.com' },
      { kind: 'phone' as const, value: '+18085550143' },
    ],
    carts: ['c1'],
  };

  /** Everything that the eraser does, in order. */
  function world(more: Partial<EraserOptions> = {}) {
    const done: string[] = [];
    const sent: PersonInput[] = [];
    const texts: string[] = [];
    const clock = new ManualClock();
    const codec = localCodec<PersonInput>('person-inputs');
    const letterCodec = localCodec<DeadLetter>('dead-letters');
    const letters: [key: string | null, letter: DeadLetter][] = [];
    const options: EraserOptions = {
      registry: {
        codec: (topic: string) => Promise.resolve(topic === 'person-inputs' ? codec : letterCodec),
      } as unknown as EraserOptions['registry'],
      producer: {
        send: (records) => {
          const all = [records].flat() as (OutgoingRecord & { value: Buffer })[];
          done.push(all[0]?.topic ?? 'nothing');
          for (const { topic, key, value } of all) {
            if (topic === 'person-inputs') sent.push(codec.decode(value));
            else letters.push([key, letterCodec.decode(value)]);
          }
          return Promise.resolve();
        },
        queuedBytes: 0,
        close: () => Promise.resolve(),
      },
      kafka: { endOffsets: () => Promise.resolve([4]) },
      deadLetters: {
        pass: (ends) =>
          Promise.resolve(done.push(`letters ${ends[0]}`)).then(() => ({ earliestDueMs: null, positions: new Map() })),
      },
      freshness: { passed: (from, workspace) => Promise.resolve(void done.push(`${from} of ${workspace}`)) },
      database: {
        rows: <T>(query: string, params?: Record<string, unknown>) => {
          texts.push(query);
          const id = params?.['emails'] === emailPattern(['kay@example.com']) ? 'e1' : 'p1';
          const letter = { dead_letter_id: id, source: 'webhook', subscription_id: `s-${id}`, received_at_ms: 5 };
          return Promise.resolve([letter] as T[]);
        },
      },
      clickhouse: {
        command: (({ query }: { query: string }) => {
          done.push(/IN \(.*\)/.exec(query)?.[0] ?? '');
          texts.push(query);
          return Promise.resolve({});
        }) as never,
      },
      clock,
      ...more,
    };
    return { done, sent, letters, texts, clock, eraser: createEraser(options) };
  }

  it('removes dead letters, is written, and is awaited, in this order', async () => {
    const { done, sent, letters, texts, clock, eraser } = world();
    await (await eraser).erase('acme', erased);
    expect(done).toEqual(['letters 4', 'dead-letters', "IN ('e1', 'p1')", 'person-inputs', 'people of acme']);
    expect(letters).toMatchObject([
      ['s-e1', { dead_letter_id: 'e1', workspace: 'acme', reason: 'erased', received_at: 5, body: Buffer.alloc(0) }],
      ['s-p1', { dead_letter_id: 'p1', workspace: 'acme', reason: 'erased' }],
    ]);
    expect(sent).toMatchObject([{ kind: 'erasure', workspace: 'acme', log_time: null, received_at: clock.wallMs() }]);
    expect(sent[0]?.erasure).toEqual({ ...erased, received_through: clock.wallMs() });
    // ClickHouse keeps the texts of queries and mutations.
    expect(texts.filter((text) => /kay|5550143/.test(text))).toEqual([]);
  });

  it('is not written while the dead letters are behind, so that the call can be repeated', async () => {
    const { done, clock, eraser } = world({ deadLetters: { pass: () => new Promise(() => undefined) } });
    const refused = expect((await eraser).erase('acme', erased)).rejects.toBeInstanceOf(StageBehindError);
    await clock.advance(30_000);
    await refused;
    expect(done).toEqual([]);
  });

  it('that a stage does not pass in time fails, and may be repeated', async () => {
    const signals: AbortSignal[] = [];
    const { clock, eraser } = world({
      freshness: { passed: (_from, _workspace, signal) => new Promise(() => void signals.push(signal)) },
    });
    const refused = expect((await eraser).erase('acme', erased)).rejects.toMatchObject({
      name: 'StageBehindError',
      message: expect.stringContaining('recorded') as string,
    });
    await clock.advance(30_000);
    await refused;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });
});
