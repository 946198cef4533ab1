/** Live audiences with windows of a minute or a few, for runs of minutes. */
import type { Audience } from '../../lib/audiences/index.ts';
import type { Random } from '../../lib/simulate/random.ts';
import { PROBE_STATUS } from './traffic.ts';

const minutes = (amount: number) => ({ operator: 'in_last' as const, amount, unit: 'minutes' as const });

/** Who had a probe in the last minute: they enter by its webhook and leave by time. */
export const PROBES: Audience = { trait: 'cart_status_updated', status: [PROBE_STATUS], time: minutes(1) };

/** Shapes of all kinds; `n` varies their windows and values. */
export const SHAPES: readonly ((n: number) => Audience)[] = [
  (n) => ({ trait: 'cart_abandoned', time: minutes(1 + (n % 3)) }),
  (n) => ({ trait: 'cart_status_updated', time: minutes(1 + (n % 4)), store_id: [String(60 + (n % 3))] }),
  (n) => ({ trait: 'cart_status_updated', status: ['finished', 'cancelled'], time: minutes(2 + (n % 2)) }),
  (n) => ({
    and: [{ trait: 'cart_abandoned' }, { not: { trait: 'cart_status_updated', time: minutes(1 + (n % 2)) } }],
  }),
  (n) => ({ trait: 'cart_status_updated', at_least: 2, time: minutes(3 + (n % 2)) }),
  (n) => ({ not: { or: [{ trait: 'cart_status_updated' }, { trait: 'cart_abandoned', time: minutes(1 + n) }] } }),
  (n) => ({ or: [PROBES, { trait: 'cart_abandoned', recovered: false, amount: { min: 20 + n }, time: minutes(2) }] }),
  () => ({ trait: 'cart_status_updated', time: { operator: 'after', date: '2026-01-01' } }),
];

export const drawAudience = (random: Random): Audience => random.pick([...SHAPES])(random.int(0, 7));
