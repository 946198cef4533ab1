import { describe, expect, it } from 'vitest';
import { simulateDay, simulateLive, storeTimeZone, type SimulatedWebhook } from './index.ts';

const ENDS_AT_MS = Date.parse('2026-03-17T23:30:00Z');
const MINUTE_MS = 60_000;
const day = simulateDay({ seed: 7, endsAtMs: ENDS_AT_MS, carts: 1_500 });

interface Body {
  cart: Record<string, unknown> & { id: number; status: string; updated_at_time: string };
}
const read = (webhook: SimulatedWebhook): Body['cart'] => (JSON.parse(webhook.body) as Body).cart;
const happenedAt = (webhook: SimulatedWebhook): number =>
  Date.parse(`${read(webhook).updated_at_time.replace(' ', 'T')}Z`);

describe('simulateDay', () => {
  it('is the same for the same seed and another for another', () => {
    const again = simulateDay({ seed: 7, endsAtMs: ENDS_AT_MS, carts: 1_500 });
    expect(again.webhooks.map((webhook) => webhook.body)).toEqual(day.webhooks.map((webhook) => webhook.body));
    expect(again.expected).toEqual(day.expected);
    const other = simulateDay({ seed: 8, endsAtMs: ENDS_AT_MS, carts: 1_500 });
    expect(other.webhooks[0]!.body).not.toBe(day.webhooks[0]!.body);
  });

  it('has the fields of the documented payload, in the documented form', () => {
    const cart = read(day.webhooks.find((webhook) => read(webhook).status === 'verification')!);
    const documented =
      'id uuid status amount assigned_employee_id assigned_employee_name assigned_manager_id assigned_manager_name ' +
      'created_at checked_out_time checkout_message promo_code queue_number customer_name customer_phone_number ' +
      'customer_email_address pos_order_id rating reservation_mode reservation_start_window store_id store_name ' +
      'tags user_id external_user_id external_user_source';
    for (const field of documented.split(' ')) expect(cart).toHaveProperty(field);
    for (const field of ['created_at', 'checked_out_time', 'updated_at_time', 'reservation_start_window'])
      expect(cart[field]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    const activity = day.webhooks.find((webhook) => webhook.event === 'cart_activity')!;
    expect(read(activity).products).toContainEqual({
      product_id: expect.any(String) as string,
      count: expect.any(Number) as number,
      price: expect.any(Number) as number,
    });
  });

  it('comes in order, ends where it should and happens within its day and the hours before', () => {
    const arrivals = day.webhooks.map((webhook) => webhook.atMs);
    expect(arrivals).toEqual([...arrivals].sort((a, b) => a - b));
    expect(arrivals.at(-1)).toBeLessThanOrEqual(ENDS_AT_MS);
    for (const webhook of day.webhooks) {
      expect(happenedAt(webhook)).toBeLessThanOrEqual(webhook.atMs);
      expect(happenedAt(webhook)).toBeGreaterThan(ENDS_AT_MS - 26 * 60 * MINUTE_MS);
    }
    expect(day.upcoming.every((webhook) => webhook.atMs > ENDS_AT_MS)).toBe(true);
  });

  it('never has two events of a cart at the same moment, so that its order is beyond dispute', () => {
    const seen = new Set<string>();
    for (const webhook of day.webhooks.filter((candidate) => !candidate.repeats)) {
      const place = `${read(webhook).id} ${read(webhook).updated_at_time}`;
      expect(seen.has(place), place).toBe(false);
      seen.add(place);
    }
  });

  it('repeats with equal bodies under equal timestamps, and counts them', () => {
    const repeats = day.webhooks.filter((webhook) => webhook.repeats);
    expect(repeats.length).toBe(day.expected.repeats);
    expect(repeats.length).toBeGreaterThan(day.webhooks.length * 0.03);
    for (const repeat of repeats) {
      expect(repeat.body).toBe(repeat.repeats!.body);
      expect(repeat.requestAtMs).toBe(repeat.repeats!.requestAtMs);
    }
  });

  it('has everything that a real day has', () => {
    const { expected } = day;
    expect(expected.carts).toBeGreaterThan(1_450);
    expect(expected.webhooks).toBe(day.webhooks.length);
    const statuses =
      'pending verification staff_member_review preparing delivery_started delivery_finished ready_for_pickup ' +
      'finished with_review cancelled dismissed finished_without_review delivery_arrived';
    for (const status of statuses.split(' ')) expect(expected.changes[status], status).toBeGreaterThan(0);
    expect(new Set(day.webhooks.map((webhook) => read(webhook).reservation_mode)).size).toBe(4);
    expect(expected.abandonments / expected.carts).toBeGreaterThan(0.3);
    expect(expected.abandonments / expected.carts).toBeLessThan(0.55);
    expect(expected.people).toBeGreaterThan(expected.carts * 0.4);
    expect(expected.people).toBeLessThan(expected.carts);
    expect(expected.anonymousCarts).toBeGreaterThan(20);
    const late = day.webhooks.filter((webhook) => webhook.atMs - happenedAt(webhook) > 90_000);
    expect(late.length).toBeGreaterThan(50);
  });

  it('has consents of identifiers that carts have shown, one to a line', () => {
    const known = new Set(
      day.webhooks.flatMap((webhook) => {
        const cart = read(webhook);
        return [cart.customer_phone_number, cart.customer_email_address];
      }),
    );
    expect(day.people.length).toBeGreaterThan(500);
    for (const line of day.people) {
      expect([line.phone, line.email].filter((value) => value !== undefined).length).toBe(1);
      expect(known.has(line.phone ?? line.email)).toBe(true);
      expect(Date.parse(line.occurred_at)).toBeLessThan(ENDS_AT_MS - 86_400_000);
    }
    const sms = day.people.map(({ consent }) => consent.sms);
    expect(sms.filter((consent) => consent === 'opted_in').length).toBeGreaterThan(200);
    expect(sms.filter((consent) => consent === 'opted_out').length).toBeGreaterThan(20);
  });

  it('leaves something to see now, at any hour and however small', () => {
    for (let hour = 0; hour < 24; hour += 1) {
      const endsAtMs = ENDS_AT_MS + hour * 60 * MINUTE_MS;
      const small = simulateDay({ seed: hour, endsAtMs, carts: 40 });
      expect(small.expected.open).toBeGreaterThan(1);
      const justFinished = small.webhooks.filter(
        (webhook) => read(webhook).status === 'finished' && endsAtMs - happenedAt(webhook) < 3 * 60 * MINUTE_MS,
      );
      expect(justFinished.length).toBeGreaterThan(0);
      // Left 31 to 55 minutes ago: abandoned within the last half hour.
      const lastOf = new Map<number, number>();
      const ordered = new Set<number>();
      for (const webhook of small.webhooks) {
        const { id, status } = read(webhook);
        lastOf.set(id, Math.max(lastOf.get(id) ?? 0, happenedAt(webhook)));
        if (status !== 'pending') ordered.add(id);
      }
      const left = [...lastOf].filter(([id, lastMs]) => {
        const agoMs = endsAtMs - lastMs;
        return !ordered.has(id) && agoMs > 30 * MINUTE_MS && agoMs < 60 * MINUTE_MS;
      });
      expect(left.length).toBeGreaterThan(0);
    }
  });

  it('chooses a zone in which the shops have been open', () => {
    for (let hour = 0; hour < 24; hour += 1) {
      const atMs = ENDS_AT_MS + hour * 60 * MINUTE_MS;
      const timeZone = storeTimeZone(atMs);
      const local = new Intl.DateTimeFormat('en-US', { timeZone, hour: 'numeric', hourCycle: 'h23' }).format(atMs);
      expect(Number(local)).toBeGreaterThanOrEqual(4);
    }
  });
});

describe('simulateLive', () => {
  it('goes on without end, in order, at about the pace asked for', () => {
    const live = simulateLive({ seed: 3, startsAtMs: ENDS_AT_MS, cartsPerHour: 3_600, upcoming: day.upcoming });
    const taken: SimulatedWebhook[] = [];
    while (taken.length < 5_000) taken.push(live.next().value);
    const arrivals = taken.map((webhook) => webhook.atMs);
    expect(arrivals).toEqual([...arrivals].sort((a, b) => a - b));
    expect(arrivals[0]).toBeGreaterThanOrEqual(ENDS_AT_MS);
    const perSecond = arrivals.filter((atMs) => atMs < ENDS_AT_MS + 120_000).length / 120;
    expect(perSecond).toBeGreaterThan(4);
    expect(perSecond).toBeLessThan(11);
    const made = taken.filter((webhook) => read(webhook).created_at === read(webhook).updated_at_time).length;
    const hours = (arrivals.at(-1)! - ENDS_AT_MS) / 3_600_000;
    expect(made / hours).toBeGreaterThan(2_500);
    expect(made / hours).toBeLessThan(4_800);
  });
});
