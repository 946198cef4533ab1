import { PROFILES } from '../../lib/clickhouse/tables.ts';
import { isMessage, type Flow, type MessageNode } from '../../lib/flows/definition.ts';
import { firstNameOf, type MessageTemplate, type TemplateContext } from '../../lib/templates/index.ts';
import { showInstant } from '../../lib/time/index.ts';
import type { Rows } from './database.ts';
import type { FlowPerson } from './flow-reports.ts';
import { CARTS_OF_PERSON, TRAIT_EVENTS_OF_PERSON, type CartRow, type TraitEventRow } from './rows.ts';

/** A message of a flow as a person would get it now: with their newest cart and trait event, or examples of these. */

/** The message node of this id; undefined for another node. */
export function messageNode(flow: Flow, id: string): MessageNode | undefined {
  const node = Object.hasOwn(flow.nodes, id) ? flow.nodes[id] : undefined;
  return node !== undefined && isMessage(node) ? node : undefined;
}

export function templateOf(node: MessageNode): MessageTemplate {
  switch (node.type) {
    case 'sms':
      return { channel: 'sms', text: node.text };
    case 'email': {
      const { subject, html, text, preheader } = node;
      return { channel: 'email', subject, html, text, preheader };
    }
    case 'webhook':
      return { channel: 'webhook', body: node.body };
  }
}

export interface PreviewOptions {
  workspace: string;
  workspaceName: string;
  person: FlowPerson;
  flowId: string;
  flow: Flow;
  version: number;
  node: string;
  nowMs: number;
}

/** Links and codes are examples: no real code is given. */
export async function previewContext(database: Rows, options: PreviewOptions): Promise<TemplateContext> {
  const { workspace, workspaceName, person, flow, flowId, version, node, nowMs } = options;
  const of = { workspace, ids: person.ids, id: person.id };
  const { trait } = flow.triggers[0]!;
  const [[profile], [cart], [event]] = await Promise.all([
    database.rows<{ name: string | null; phone: string | null; email: string | null }>(
      `SELECT name, phone, email FROM ${PROFILES} WHERE workspace = {workspace:String} AND person_id = {id:UInt32}`,
      of,
    ),
    database.rows<CartRow>(
      `${CARTS_OF_PERSON} ORDER BY coalesce(status_since, last_activity_at, created_at) DESC, cart_id LIMIT 1`,
      of,
    ),
    database.rows<TraitEventRow>(
      `${TRAIT_EVENTS_OF_PERSON} AND trait = {trait:String} ORDER BY occurred_at DESC, event_id LIMIT 1`,
      { ...of, trait },
    ),
  ]);
  const { name = null, phone = null, email = null } = profile ?? {};
  return {
    person: { first_name: firstNameOf(name), name, phone, email },
    cart: cart === undefined ? EXAMPLE_CART : cartContext(cart),
    event: {
      trait,
      status: event?.status || flow.triggers[0]!.status?.[0] || null,
      occurred_at: event?.occurred_at ?? showInstant(nowMs),
    },
    workspace: { name: workspaceName },
    run: { id: '0'.repeat(32), flow_id: flowId, version, node },
    unsubscribe_url: 'https://example.com/unsubscribe',
    code: 'EXAMPLE',
  };
}

const EXAMPLE_CART: TemplateContext['cart'] = {
  id: 'example',
  store_id: null,
  store_name: null,
  amount: null,
  mode: null,
  status: null,
  products: [],
};

const cartContext = (cart: CartRow): TemplateContext['cart'] => ({
  id: cart.cart_id,
  store_id: cart.store_id,
  store_name: cart.store_name,
  amount: cart.amount,
  mode: cart.mode,
  status: cart.status,
  products: cart.products,
});
