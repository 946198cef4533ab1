import type { FlowEvent, RequestCart } from '../../../schemas/types.ts';
import { addressHash } from '../address-hash.ts';
import { DEFAULT_EXPIRES_AFTER_MINUTES, elseOf, type MessageNode } from '../definition.ts';
import { requestId } from '../ids.ts';
import { release, reservations } from '../caps.ts';
import { ask } from '../questions.ts';
import { candidateZones, DEFAULT_QUIET_HOURS, nextAllowed } from '../quiet-hours.ts';
import { ownZone, type Address, type OpenRequest, type Person, type Run } from '../state.ts';
import { MINUTE_MS } from '../times.ts';
import { KEYS, sortable } from '../keys.ts';
import { follow, REST, unexpected, type Move, type NodeHandler, type Site } from './node.ts';

/** Messages of all channels: what is checked before one is requested (docs/flows.md §4). */
export const message: NodeHandler<MessageNode> = {
  begin(site, node) {
    const { view, run } = site;
    // A message has one outcome: where it had one for the run, from before the run was moved, that stands, even if
    // the node sends something else now. Its request would have the same id, and delivery would take it for a repeat.
    if (run.sent.includes(run.node)) return follow(node.next);
    if (run.unsent.includes(run.node)) return follow(elseOf(node));
    // What is out may yet be sent.
    const isOut = run.requests.some((request) => request.node === run.node && request.revoked !== 'paused');
    if (!isOut) return settle(site, node);
    view.move(run, 'requested');
    return REST;
  },
  resume(site, node, kind) {
    switch (kind) {
      case 'settled':
        return check(site, node);
      case 'released':
      case 'check':
        return settle(site, node);
      case 'yes':
        return decide(site, node);
      case 'no':
        return { kind: 'end' };
      case 'sent':
        return follow(node.next);
      case 'unsent':
        return follow(elseOf(node));
      default:
        return unexpected(kind);
    }
  },
};

/** Waits until everything that was accepted before the message was due has been handled. */
function settle(site: Site, node: MessageNode): Move {
  const { view, flow, id, run, compiled } = site;
  const dueAt = run.messageDueAt;
  const mustSettle = run.isDelayed || compiled.exits.length > 0;
  if (!mustSettle || view.turn.settledThrough >= dueAt) return check(site, node);
  view.move(run, 'settling');
  view.turn.store.put(settlingKey(dueAt, view.workspace, flow, id), EMPTY);
  view.turn.askToSettle(view.workspace, dueAt);
  return REST;
}

const EMPTY = Buffer.alloc(0);

export const settlingKey = (dueAt: number, workspace: string, flow: string, id: string): string =>
  `${KEYS.settling}${sortable(dueAt)}:${workspace}:${flow}:${id}`;

function check(site: Site, node: MessageNode): Move {
  const condition = site.compiled.flow.while;
  return condition === undefined ? decide(site, node) : ask(site, 'while', condition);
}

/** The first reason that applies decides; without one the message is requested. */
function decide(site: Site, node: MessageNode): Move {
  const { view, run } = site;
  // A message that a pause has revoked, and that was not sent, reserves nothing while it is decided again.
  for (const request of requestsOf(run)) release(view, site, request);
  const isMarketing = node.class !== 'transactional';
  const person = view.person(view.resolve(run.person));
  const address = addressOf(site, node, person);
  if ('skip' in address) return skip(site, node, address.skip);
  const hash = address.value === null ? '' : addressHash(node.type, address.value);
  const own = reservations(view, site, node.type, hash);
  if (isMarketing && own.isCapped()) return skip(site, node, 'capped');
  if (isMarketing) {
    const held = holdUntil(site, node, person, address.value);
    if (held === null) return skip(site, node, 'quiet_hours');
    if (held > view.now) return hold(site, held);
  }
  const code = node.type === 'webhook' ? undefined : codeOf(site, node);
  if (code === 'none') return skip(site, node, 'no_code');
  own.reserve(run.node, isMarketing);
  request(site, node, { address: address.value, hash, person, code });
  return REST;
}

const requestsOf = (run: Run): OpenRequest[] => run.requests.filter(({ node }) => node === run.node);

/** A message that a pause has revoked has been decided again. While it is held, it may still be revoked for good. */
function dropRevoked(run: Run): void {
  run.requests = run.requests.filter(({ node }) => node !== run.node);
}

function skip({ view, flow, id, run }: Site, node: MessageNode, reason: string): Move {
  // What was requested has its outcome now, and only one.
  if (requestsOf(run).length > 0) run.unsent.push(run.node);
  dropRevoked(run);
  view.step(flow, id, run, 'skipped', { reason, ...messageFields(node, id, run.node) });
  run.messageDueAt = view.now;
  run.isDelayed = false;
  return follow(elseOf(node));
}

const messageFields = (node: MessageNode, id: string, name: string): Partial<FlowEvent> => ({
  channel: node.type,
  class: node.class ?? 'marketing',
  request_id: requestId(id, name),
});

/** The address to write to, null for a webhook, or why there is none. */
function addressOf(
  { view, run }: Site,
  node: MessageNode,
  person: Person,
): { value: string | null } | { skip: string } {
  if (node.type === 'webhook') return { value: null };
  // An anonymous person has at most junk identifiers, which are never written to.
  const all = person.anonymous ? [] : node.type === 'sms' ? person.phones : person.emails;
  if (all.length === 0) return { skip: 'no_address' };
  const allowed = all.filter((address) => consents(node, address));
  if (allowed.length === 0) return { skip: 'no_consent' };
  const open = allowed.filter(({ value }) => view.address(addressHash(node.type, value)).suppressions.length === 0);
  if (open.length === 0) return { skip: 'suppressed' };
  const cart = view.cart(run.cart);
  const ofCart = node.type === 'sms' ? cart?.phone : cart?.email;
  return { value: (open.find(({ value }) => value === ofCart) ?? open[0]!).value };
}

function consents(node: MessageNode, { consent }: Address): boolean {
  if (node.class === 'transactional') return node.type === 'email' || consent !== 'opted_out';
  return node.type === 'sms' ? consent === 'opted_in' : consent !== 'opted_out';
}

/** When the message may leave: now, later, or never (null). */
function holdUntil({ view }: Site, node: MessageNode, person: Person, address: string | null): number | null {
  const hours = view.settings.quietHours ?? DEFAULT_QUIET_HOURS;
  if (!hours.channels.includes(node.type)) return view.now;
  const own = ownZone(person);
  const zones = candidateZones({ timeZone: own, workspaceZone: view.settings.zone, channel: node.type, address });
  return nextAllowed(view.now, hours, zones);
}

function hold({ view, flow, id, run }: Site, until: number): Move {
  view.move(run, 'held');
  run.timerAt = until;
  view.step(flow, id, run, 'held', { due_at: until });
  return REST;
}

type Code = { pool: string; index: number };

/** The run's code of the pool; undefined if the message needs none. */
function codeOf({ view, run }: Site, node: Exclude<MessageNode, { type: 'webhook' }>): Code | 'none' | undefined {
  const { code_pool: name } = node;
  if (name === undefined) return undefined;
  const known = run.codes.find(({ pool }) => pool === name);
  if (known !== undefined) return known;
  const pool = view.pool(name);
  if (pool.given >= pool.total) return node.if_no_code === 'send' ? undefined : 'none';
  const code = { pool: name, index: pool.given };
  view.savePool(name, { ...pool, given: pool.given + 1 });
  run.codes.push(code);
  return code;
}

interface Addressed {
  address: string | null;
  hash: string;
  person: Person;
  code: Code | undefined;
}

function request({ view, flow, id, run }: Site, node: MessageNode, { address, hash, person, code }: Addressed): void {
  view.move(run, 'requested');
  dropRevoked(run);
  run.requests.push({
    node: run.node,
    channel: node.type,
    hash,
    marketing: node.class !== 'transactional',
    revoked: 'no',
  });
  const fields = messageFields(node, id, run.node);
  view.step(flow, id, run, 'requested', { ...fields, due_at: run.messageDueAt });
  const expiresAfter = node.expires_after_minutes ?? DEFAULT_EXPIRES_AFTER_MINUTES;
  view.message({
    request_id: requestId(id, run.node),
    flow_id: flow,
    version: run.version,
    run_id: id,
    node: run.node,
    channel: node.type,
    class: node.class ?? 'marketing',
    person_id: view.resolve(run.person),
    cart_id: run.cart,
    address,
    due_at: run.messageDueAt,
    expires_at: run.messageDueAt + expiresAfter * MINUTE_MS,
    content: JSON.stringify(node),
    code_pool: code?.pool ?? null,
    code_index: code?.index ?? null,
    workspace_name: view.settings.name,
    person: {
      name: person.name,
      phone: node.type === 'sms' ? address : (person.phones[0]?.value ?? null),
      email: node.type === 'email' ? address : (person.emails[0]?.value ?? null),
    },
    cart: templateCart(view.cart(run.cart)?.standing ?? null),
    event: { trait: run.trigger.trait, status: run.trigger.status, occurred_at: run.trigger.at },
  });
}

const NO_CART: RequestCart = {
  store_id: null,
  store_name: null,
  mode: null,
  status: null,
  amount: null,
  products: null,
};

function templateCart(standing: RequestCart | null): RequestCart {
  if (standing === null) return NO_CART;
  const { store_id, store_name, mode, status, amount, products } = standing;
  return { store_id, store_name, mode, status, amount, products };
}
