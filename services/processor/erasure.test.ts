import { describe, expect, it } from 'vitest';
import { erasureInput } from '../../lib/people/testing.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Outcome } from '../../schemas/types.ts';
import { codecs, delivery, MINUTE_MS, Pipeline } from './testing.ts';

const T0 = Date.UTC(2026, 2, 17, 12);
const ADDRESSES = { phone: '+18085550143', email: 'kay@example.com', name: 'Kay' };

/** Both topologies; erasures are written to the input of people, as the API does. */
class World extends Pipeline {
  erase(carts: readonly string[], identifiers: readonly string[], throughMs: number): void {
    const input = { ...erasureInput(throughMs, { carts, identifiers }), workspace: 'acme' };
    this.people.pipe('acme', codecs.personInputs.encode(input), { appendTimeMs: throughMs });
  }

  /** Outcomes since the last call. */
  next(): Outcome[] {
    const all = this.outcomes();
    const next = all.slice(this.taken);
    this.taken = all.length;
    return next;
  }

  private taken = 0;
}

const checkout = (cart: string, at: number) => delivery('acme', cart, at, { status: 'verification', ...ADDRESSES });

describe('an erasure between the topologies', () => {
  it('removes the person; a repeat of an earlier delivery and a deadline do not bring them back, a new delivery does', () => {
    const world = new World();
    const first = checkout('c1', T0);
    world.deliver(first);
    world.deliver(delivery('acme', 'c2', T0 + 1000, { kind: 'cart_activity', ...ADDRESSES }));
    world.next();
    world.erase(['c1', 'c2'], ['phone:+18085550143', 'email:kay@example.com'], T0 + 5000);
    const erased = world.next();
    expect(erased.map(({ kind }) => kind)).toEqual(['erasure', 'erasure', 'erasure']);
    expect(erased[1]?.erasure?.carts.map(({ cart_id }) => cart_id)).toEqual(['c1', 'c2']);

    // The same line again, long afterwards; the deadline of the open cart.
    world.deliver({ ...first, received_at: T0 + 60_000 }, T0 + 60_000);
    world.tick(T0 + 40 * MINUTE_MS);
    expect(world.personInputs().at(-1)?.cart).toMatchObject({ cart_id: 'c2', occurred_at: null });
    expect(world.next()).toEqual([]);

    const later = T0 + 41 * MINUTE_MS;
    world.deliver(
      { ...delivery('acme', 'c1', T0 + 10, { status: 'preparing', ...ADDRESSES }), received_at: later },
      later,
    );
    const next = world.next();
    expect(next.map(({ kind }) => kind)).toEqual(['person', 'cart', 'trait']);
    expect(next[0]?.person).toMatchObject({ person_id: 2, first_at: T0 + 10 });
    expect(next[2]?.trait).toMatchObject({ status: 'preparing', person_id: 2, moved_from: null });
  });

  it('leaves no identifier in the state of either topology', () => {
    const world = new World();
    world.deliver(checkout('c1', T0));
    world.erase([], ['phone:+18085550143'], T0 + 5000);
    const { carts, people } = world.snapshot();
    for (const text of ['8085550143', 'kay@example.com', 'Kay']) {
      expect(people.includes(text), text).toBe(false);
      expect(carts.includes(text), text).toBe(false);
    }
  });

  it('is the same when the log is read again, with a restart anywhere', () => {
    const steps: ((world: World) => void)[] = [
      (world) => world.deliver(checkout('c1', T0)),
      (world) => world.erase(['c1'], [], T0 + 100),
      (world) => world.deliver(delivery('acme', 'c1', T0 + 50, { status: 'preparing', ...ADDRESSES })),
      (world) => world.deliver(delivery('acme', 'c1', T0 + 200, { status: 'finished', ...ADDRESSES })),
      (world) => world.erase(['c1'], [], T0 + 300),
    ];
    const whole = new World();
    for (const step of steps) step(whole);
    const outcomes = whole.outcomes();
    expect(outcomes.filter(({ kind }) => kind === 'trait').map(({ trait }) => trait?.status)).toEqual([
      'verification',
      'finished',
    ]);
    for (let cut = 0; cut <= steps.length; cut++) {
      const before = new World();
      for (const step of steps.slice(0, cut)) step(before);
      before.restore(before.snapshot());
      for (const step of steps.slice(cut)) step(before);
      expect(before.people.outputs(TOPICS.traitEvents)).toEqual(whole.people.outputs(TOPICS.traitEvents));
    }
  });
});
