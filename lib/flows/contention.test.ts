/** Many messages that want the same few places under a cap, and the same few codes, with outcomes that come late. */
import { describe, expect, it } from 'vitest';
import type { FlowEvent, FlowInput, MessageRequest } from '../../schemas/types.ts';
import { createRandom } from '../simulate/random.ts';
import { PureLog } from './testing/pure-log.ts';
import { flowChange, flowChanges, flowCommand, flowInput, flowProfile, flowSettings } from './testing/records.ts';

const SEED = Number(process.env['JT_SEED'] ?? 20_261_130);
const RUNS = 12;

const T0 = Date.parse('2026-03-02T15:00:00Z');
const MINUTE_MS = 60_000;
const WINDOW_MS = 60 * MINUTE_MS;
const CODES = 25;
const OUTCOMES = ['sent', 'sent', 'unknown', 'failed', 'skipped'] as const;

interface Sent {
  person: number;
  address: string;
  request: string;
  /** Null while it is out; undefined: it was not sent. */
  at: number | null | undefined;
}

const flow = (codes: boolean): string =>
  JSON.stringify({
    name: 'A flow',
    triggers: [{ trait: 'cart_status_updated' }],
    reentry: { rule: 'always', per: 'cart' },
    start: 'm',
    nodes: {
      m: { type: 'email', subject: 's', html: 'h', next: 'n', ...(codes ? { code_pool: 'spring' } : {}) },
      n: { type: 'email', subject: 's', html: 'h', code_pool: 'spring', if_no_code: 'send' },
    },
  });

class Play {
  readonly log = new PureLog();
  readonly sends: Sent[] = [];
  readonly codes = new Map<number, string>();
  private readonly open: MessageRequest[] = [];
  private readonly random;
  /** Where a person is written to. */
  private readonly addresses = new Map<number, string>();
  private nowMs = T0;
  private events = 0;

  constructor(
    seed: number,
    private readonly cap: number,
  ) {
    this.random = createRandom(seed);
    const frequency_cap = { count: cap, amount: 60, unit: 'minutes' };
    this.append({ settings: flowSettings({ number: 0, frequency_cap }) });
    this.append({ code_pool: { number: 1, name: 'spring', total: CODES } });
    this.append({ settled: { t0: Date.UTC(2100, 0, 1) } });
    // The last two have the same address, as after a parting.
    for (const person_id of [1, 2, 3, 4]) this.setAddress(person_id, `p${Math.min(person_id, 3)}@example.com`);
    for (const [i, flow_id] of ['f', 'g'].entries())
      this.append({
        command: flowCommand({ number: 2 + i, what: 'publish', flow_id, version: 1, definition: flow(i === 0) }),
      });
  }

  step(): void {
    this.nowMs += Math.floor(this.random.exponential(4 * MINUTE_MS));
    if (this.open.length > 0 && this.random.chance(0.6)) this.finish();
    else this.happen();
  }

  private setAddress(person_id: number, value: string): void {
    this.addresses.set(person_id, value);
    this.append({ profile: flowProfile({ person_id, emails: [{ value, consent: null }] }) });
  }

  private happen(): void {
    const person_id = this.random.int(1, 4);
    // The first has another address now and then: the cap is that of the person, too.
    if (person_id === 1 && this.random.chance(0.3))
      this.setAddress(1, this.random.pick(['p1@example.com', 'q1@example.com', 'r1@example.com']));
    const event_id = `e${this.events++}`;
    const changes = [flowChange({ op: 'asserted', event_id, status: 'preparing', occurred_at: this.nowMs })];
    this.append({ changes: flowChanges({ cart_id: `c${this.random.int(0, 9)}-${person_id}`, person_id, changes }) });
  }

  private finish(): void {
    const [message] = this.open.splice(this.random.int(0, this.open.length - 1), 1);
    const { request_id, flow_id, run_id, node, address } = message!;
    const what = this.random.pick(OUTCOMES);
    const isSent = what === 'sent' || what === 'unknown';
    this.sends.find(({ request }) => request === request_id)!.at = isSent ? this.nowMs : undefined;
    this.append({
      outcome: { request_id, flow_id, run_id, node, what, reason: null, permanent: false, address, text: null },
    });
  }

  private append(body: Partial<FlowInput>): void {
    const { events, requests } = this.log.append(flowInput(this.nowMs, body));
    const messages = new Map(
      requests.flatMap(({ message }) => (message === null ? [] : [[message.request_id, message]])),
    );
    for (const event of events) this.check(event, messages);
  }

  /** Steps in the order in which they were taken. */
  private check(event: FlowEvent, messages: ReadonlyMap<string, MessageRequest>): void {
    const address = this.addresses.get(event.person_id)!;
    if (event.what === 'skipped' && event.reason === 'capped')
      expect(this.used(event.person_id, address)).toBeGreaterThan(this.cap - 1);
    if (event.what === 'skipped' && event.reason === 'no_code') expect(this.codes.size).toBe(CODES);
    if (event.what !== 'requested') return;
    expect(this.used(event.person_id, address)).toBeLessThan(this.cap);
    const message = messages.get(event.request_id!)!;
    this.sends.push({ person: event.person_id, address, request: message.request_id, at: null });
    this.open.push(message);
    if (message.code_index === null) return;
    expect(message.code_index).toBeLessThan(CODES);
    expect(this.codes.get(message.code_index) ?? message.run_id).toBe(message.run_id);
    this.codes.set(message.code_index, message.run_id);
  }

  /** Messages of the person, or to the address, that are out or were sent in the last hour. */
  private used(person: number, address: string): number {
    const counts = this.sends.filter(({ at }) => at === null || (at !== undefined && at >= this.nowMs - WINDOW_MS));
    return Math.max(
      counts.filter((send) => send.person === person).length,
      counts.filter((send) => send.address === address).length,
    );
  }
}

describe(`caps and codes under contention (JT_SEED=${SEED})`, () => {
  it.each(Array.from({ length: RUNS }, (_, i) => [SEED + i, 1 + (i % 4)] as const))(
    'seed %s, a cap of %s: never above it, and nothing is refused below it; a code has one run',
    (seed, cap) => {
      const play = new Play(seed, cap);
      for (let i = 0; i < 150; i++) play.step();
      expect(play.sends.length).toBeGreaterThan(20);
      expect(play.codes.size).toBeGreaterThan(5);
    },
  );
});
