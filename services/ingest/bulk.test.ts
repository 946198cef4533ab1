import { PassThrough } from 'node:stream';
import { Registry as MetricsRegistry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import type { OutgoingRecord } from '../../lib/kafka/index.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { takeBulk, type BulkResult } from './bulk.ts';
import { ingestMetrics } from './metrics.ts';
import type { Outbox } from './outbox.ts';

/** A bulk body that comes slowly, and a Kafka that answers when the test says so. */
function open(pacer?: { take(records: number): Promise<void> }) {
  const body = new PassThrough();
  const sent: string[][] = [];
  const answers: (() => void)[] = [];
  const producer = {
    queuedBytes: 0,
    send: (records: OutgoingRecord[]) => {
      sent.push(records.map(({ key }) => String(key)));
      return new Promise<void>((resolve) => answers.push(resolve));
    },
  };
  const result: Promise<BulkResult> = takeBulk({
    source: 'events',
    body,
    declaredGzip: false,
    workspace: 'shop',
    settings: () => ({ abandonmentWindowMs: 0, graceMs: 0, retryHorizonMs: 0, defaultCountry: 'US' }),
    read: (line) => ({ topic: 'cart-events', key: line.toString(), value: Buffer.alloc(0) }),
    outbox: { producer } as unknown as Outbox,
    pacer,
    metrics: ingestMetrics(new MetricsRegistry()),
    logger: createLogger('test', 'silent'),
    clock: systemClock,
  });
  return { body, sent, result, answer: () => answers.shift()?.() };
}

describe('a bulk body of blank lines', () => {
  it('is given up, with what it held before', async () => {
    const { body, answer, result } = open();
    body.write('1\n');
    await soon();
    answer();
    body.write('\n'.repeat(100_002));
    body.end();
    await expect(result).rejects.toMatchObject({ status: 413 });
  });

  it('is fine as long as there are few of them', async () => {
    const { body, answer, result } = open();
    body.end('\n'.repeat(50_000) + '1\n');
    await soon();
    answer();
    expect(await result).toMatchObject({ accepted: 1 });
  });
});

/** Everything that needs no time has happened. */
async function soon(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a bulk body that comes slowly', () => {
  it('is sent as it comes, whether Kafka has answered what came before or answers later', async () => {
    const { body, sent, answer, result } = open();
    body.write('1\n2\n3');
    await soon();
    expect(sent).toEqual([['1', '2']]);
    body.write('\n4\n');
    await soon();
    expect(sent).toHaveLength(1);
    answer();
    await soon();
    expect(sent.slice(1)).toEqual([['3', '4']]);
    answer();
    await soon();
    for (const line of ['5', '6', '7', '8', '9']) {
      body.write(`${line}\n`);
      await soon();
      expect(sent.at(-1)).toEqual([line]);
      answer();
      await soon();
    }
    body.end();
    expect(await result).toEqual({ accepted: 9, rejected: 0, errors: [] });
    expect(sent).toHaveLength(7);
  });
});

describe('a bulk body whose stages behind are busy', () => {
  it('is sent as the pacer allows, with the number of its records', async () => {
    const asked: number[] = [];
    let allow: () => void = () => undefined;
    const { body, sent, answer, result } = open({
      take: (records) => {
        asked.push(records);
        return new Promise((resolve) => (allow = resolve));
      },
    });
    body.end('1\n2\n');
    await soon();
    expect([asked, sent]).toEqual([[2], []]);
    allow();
    await soon();
    expect(sent).toEqual([['1', '2']]);
    answer();
    expect(await result).toMatchObject({ accepted: 2 });
  });
});
