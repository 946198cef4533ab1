import { describe, expect, it } from 'vitest';
import { MAX_RECORD_BYTES } from '../../lib/kafka/limits.ts';
import type { TestDriver } from '../../lib/streams/test-driver.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { CartEvent, PersonInput, Product } from '../../schemas/types.ts';
import { delivery, MINUTE_MS, Pipeline } from './testing.ts';

const T0 = Date.UTC(2026, 2, 17, 12);
const minute = (n: number): number => T0 + n * MINUTE_MS;
const NOW = minute(200_000);

/** What the largest line that ingest takes can carry: ids of 200 characters, four bytes each. */
const largestList = (count: number): Product[] =>
  Array.from({ length: 1000 }, (_, i) => ({
    product_id: '😀'.repeat(196) + String(i).padStart(4, '0'),
    count: i === 0 ? count : 1,
    price: 12.5,
  }));
const basket: Product[] = Array.from({ length: 60 }, (_, i) => ({
  product_id: `9f1c2d3e-5b7a-4c11-8000-${String(i).padStart(12, '0')}`,
  count: 1,
  price: 12.5,
}));

const bulk = (at: number, more: Partial<CartEvent>): CartEvent =>
  delivery('shop', 'c', at, { received_at: NOW, email: 'a@x.io', name: 'Ada', ...more });

/** The sizes of everything that was to be written to Kafka. */
function largest(pipeline: Pipeline): number {
  const sizes = [pipeline.carts, pipeline.people].flatMap((driver: Pick<TestDriver<never>, 'outputs' | 'state'>) => [
    ...[TOPICS.personInputs, TOPICS.deadLetters, TOPICS.traitEvents].flatMap((topic) =>
      driver.outputs(topic).map(({ key, value }) => Buffer.byteLength(key) + value.length),
    ),
    ...[...driver.state()].map(([key, value]) => Buffer.byteLength(key) + value.length),
  ]);
  return Math.max(...sizes);
}

const changesOf = (inputs: readonly PersonInput[]) => inputs.flatMap(({ cart }) => cart?.changes ?? []);
function opsOf(inputs: readonly PersonInput[]): Record<string, number> {
  const count: Record<string, number> = {};
  for (const { op } of changesOf(inputs)) count[op] = (count[op] ?? 0) + 1;
  return count;
}

/** What the sink would store for the cart: the last record of each trait event. */
function standing(pipeline: Pipeline): { occurred_at: number; products: number }[] {
  const rows = new Map<string, { occurred_at: number; products: number }>();
  for (const { trait } of pipeline.outcomes()) {
    if (trait === null) continue;
    if (trait.op === 'retracted') rows.delete(trait.event_id);
    else rows.set(trait.event_id, { occurred_at: trait.occurred_at, products: trait.products?.length ?? 0 });
  }
  return [...rows.values()];
}

describe('no record is larger than Kafka takes', () => {
  const STATUSES = ['verification', 'preparing', 'ready_for_pickup', 'finished', 'with_review', 'on_hold'];
  const ordered = (): Pipeline => {
    const pipeline = new Pipeline();
    STATUSES.forEach((status, i) => pipeline.deliver(bulk(minute(100 * (i + 1)), { status }), NOW));
    return pipeline;
  };

  it('when a late activity with the largest list of products changes all that followed', () => {
    const pipeline = ordered();
    const late = bulk(minute(0), { kind: 'cart_activity', products: largestList(1), phone: '+18085550143' });
    pipeline.deliver(late, NOW);
    const told = pipeline.personInputs().slice(STATUSES.length);
    expect(opsOf(told)).toEqual({ updated: 6 });
    expect(told).toHaveLength(6);
    expect(told[0]?.cart).toMatchObject({ occurred_at: minute(0), name: 'Ada' });
    expect(told[0]?.cart?.identifiers.map(({ value }) => value)).toEqual(['+18085550143', 'a@x.io']);
    for (const { cart } of told.slice(1))
      expect(cart).toMatchObject({ occurred_at: null, name: null, identifiers: [] });
    for (const { cart, ...rest } of told) {
      expect(cart?.snapshot).toEqual(told[0]?.cart?.snapshot);
      expect(rest).toMatchObject({ log_time: NOW, received_at: NOW, workspace: 'shop' });
    }
    expect(standing(pipeline).map(({ products }) => products)).toEqual([1000, 1000, 1000, 1000, 1000, 1000]);
    expect(largest(pipeline)).toBeLessThan(MAX_RECORD_BYTES / 2);
  });

  it('when each of them gets another list, and yet another', () => {
    const pipeline = ordered();
    for (const round of [1, 2])
      for (let i = STATUSES.length; i >= 1; i--) {
        const at = minute(100 * i - 50 + round);
        pipeline.deliver(bulk(at, { kind: 'cart_activity', products: largestList(10 * round + i) }), NOW);
      }
    expect(standing(pipeline).map(({ products }) => products)).toEqual([1000, 1000, 1000, 1000, 1000, 1000]);
    expect(largest(pipeline)).toBeLessThan(MAX_RECORD_BYTES / 2);
  });

  it('when 2,000 visits of a historic import are concluded at once', () => {
    const pipeline = new Pipeline();
    for (let i = 0; i < 2000; i++)
      pipeline.deliver(bulk(minute(i * 40), { kind: 'cart_activity', products: basket }), NOW);
    pipeline.tick(NOW + 2 * MINUTE_MS);
    const told = pipeline.personInputs().slice(2000);
    expect(opsOf(told)).toEqual({ asserted: 2000 });
    expect(told.length).toBeGreaterThan(4);
    expect(changesOf(told).map(({ occurred_at }) => occurred_at)).toEqual(
      Array.from({ length: 2000 }, (_, i) => minute(i * 40 + 30)),
    );
    for (const { cart, log_time, received_at } of told) {
      expect(cart).toMatchObject({ cart_id: 'c', occurred_at: null, identifiers: [], name: null });
      expect([log_time, received_at]).toEqual([NOW + 2 * MINUTE_MS, NOW + 2 * MINUTE_MS]);
    }
    expect(standing(pipeline)).toHaveLength(2000);
    expect(largest(pipeline)).toBeLessThan(MAX_RECORD_BYTES / 2);
  });

  it('when a late checkout takes back 1,999 visits that counted', () => {
    const pipeline = new Pipeline();
    for (let i = 0; i < 1999; i++)
      pipeline.deliver(delivery('shop', 'c', minute(i * 40), { kind: 'cart_activity', products: basket }));
    pipeline.tick(minute(1999 * 40));
    expect(standing(pipeline)).toHaveLength(1999);
    const before = pipeline.personInputs().length;
    pipeline.deliver(bulk(minute(-1), { status: 'verification' }), NOW);
    const told = pipeline.personInputs().slice(before);
    expect(opsOf(told)).toEqual({ retracted: 1999, asserted: 1 });
    expect(told.length).toBeGreaterThan(4);
    expect(standing(pipeline)).toEqual([{ occurred_at: minute(-1), products: 0 }]);
    expect(largest(pipeline)).toBeLessThan(MAX_RECORD_BYTES / 2);
  });
});
