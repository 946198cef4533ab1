import type { TemplateContext } from './variables.ts';

/** What the template of a message of the flow `f` may use. */
export const context = (changed: Partial<TemplateContext> = {}): TemplateContext => ({
  person: { first_name: 'Jane', name: 'Jane Doe', phone: '+18085550143', email: 'jane@example.com' },
  cart: {
    id: '7469',
    store_id: '68',
    store_name: 'Fish & Leaf',
    amount: 41.8,
    mode: 'pickup',
    status: null,
    products: [{ product_id: 'A-1', count: 2, price: 20.9 }],
  },
  event: { trait: 'cart_abandoned', status: null, occurred_at: '2026-03-01T12:00:00.000Z' },
  workspace: { name: 'Green Leaf' },
  run: { id: 'r1', flow_id: 'f', version: 1, node: 'remind' },
  unsubscribe_url: 'https://example.com/u/1',
  code: null,
  ...changed,
});
