import { renderText } from '../../../lib/audiences/text/render.ts';
import type { Schemas } from '../../../lib/client/index.ts';
import { counted } from '../design/words.ts';

export type Board = Schemas['Board'];
export type BoardStatus = Board['statuses'][number];

/** `12 orders at 3 stores`; carts that name no store have none to count. */
export const ordersAt = (carts: number, stores: number): string =>
  stores === 0
    ? counted(carts, 'order', 'orders')
    : `${counted(carts, 'order', 'orders')} at ${counted(stores, 'store', 'stores')}`;

/** Statuses in which orders have waited for too long, the most orders first. */
export const lateStatuses = (statuses: readonly BoardStatus[]): BoardStatus[] =>
  statuses
    .filter(({ status, over }) => over.carts > 0 && status !== 'pending')
    .sort((a, b) => b.over.carts - a.over.carts);

/** The people whose orders wait for too long, in the text form of audiences. */
export const lateAudience = (status: string, overMinutes: number, stores: readonly string[] = []): string =>
  renderText({
    dwell: {
      status: [status],
      for: { amount: overMinutes, unit: 'minutes' },
      ...(stores.length === 0 ? {} : { store_id: [...stores] }),
    },
  });

/** How much of a status is over the threshold, from 0 to 1. */
export const overShare = ({ carts, over }: BoardStatus): number => (carts === 0 ? 0 : over.carts / carts);
