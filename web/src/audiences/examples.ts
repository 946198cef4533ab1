import type { Audience } from '../../../lib/audiences/tree.ts';

/** What most marketers begin with: one question for each use of the two traits. */
export const EXAMPLES: readonly { title: string; audience: Audience }[] = [
  {
    title: 'Win back abandoned carts',
    audience: {
      and: [
        { trait: 'cart_abandoned', recovered: false, time: { operator: 'in_last', amount: 30, unit: 'minutes' } },
        {
          not: {
            trait: 'cart_status_updated',
            status: ['finished'],
            time: { operator: 'in_last', amount: 1, unit: 'days' },
          },
        },
      ],
    },
  },
  {
    title: 'Orders ready for pickup',
    audience: {
      trait: 'cart_status_updated',
      status: ['ready_for_pickup'],
      time: { operator: 'in_last', amount: 2, unit: 'hours' },
    },
  },
  {
    title: 'Recover cancelled orders',
    audience: {
      and: [
        {
          trait: 'cart_status_updated',
          status: ['cancelled', 'dismissed'],
          time: { operator: 'in_last', amount: 7, unit: 'days' },
        },
        {
          not: {
            trait: 'cart_status_updated',
            status: ['finished'],
            time: { operator: 'in_last', amount: 7, unit: 'days' },
          },
        },
      ],
    },
  },
  {
    title: 'Waiting too long',
    audience: { dwell: { status: ['preparing'], for: { amount: 45, unit: 'minutes' } } },
  },
];
