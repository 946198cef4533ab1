import { describe, expect, it } from 'vitest';
import {
  flowChange,
  flowChanges,
  flowCommand,
  flowInput,
  flowProfile,
  flowSettings,
} from '../../lib/flows/testing/records.ts';
import { TestDriver } from '../../lib/streams/test-driver.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { FlowEvent, FlowInput, SendRequest } from '../../schemas/types.ts';
import { codecs, flows } from './testing.ts';

/** More runs than one step takes. JT_PARKED=100000 for the full size. */
const RUNS = Number(process.env['JT_PARKED'] ?? 350);

const T0 = Date.parse('2026-03-02T15:00:00Z');
const MINUTE_MS = 60_000;
const HOUR = { amount: 1, unit: 'hours' };
const EMAIL = { type: 'email', subject: 'Your cart', html: '{{ unsubscribe_url }}' };
const FLOW = {
  name: 'A flow',
  triggers: [{ trait: 'cart_status_updated', status: ['preparing'] }],
  start: 'w',
  nodes: { w: { type: 'wait', for: HOUR, next: 'm' }, m: { ...EMAIL, next: null } },
};

/** One partition whose outputs are cut into transactions of a bounded size, as the runtime does. */
class Parked {
  readonly driver = new TestDriver(flows());
  readonly events: FlowEvent[] = [];
  requests: SendRequest[] = [];
  /** Outputs of the largest transaction. */
  largest = 0;
  private number = 0;

  constructor() {
    this.append(T0, { settings: flowSettings({ number: this.number++ }) });
    this.append(T0, { settled: { t0: Date.UTC(2100, 0, 1) } });
    this.publish(T0, FLOW);
    for (let i = 0; i < RUNS; i++) {
      const person_id = i + 1;
      const emails = [{ value: `p${i}@example.com`, consent: null }];
      this.append(T0, { profile: flowProfile({ person_id, emails }) });
      this.append(T0, {
        changes: flowChanges({
          cart_id: `c${i}`,
          person_id,
          changes: [flowChange({ op: 'asserted', event_id: `e${i}`, status: 'preparing', occurred_at: T0 })],
        }),
      });
    }
  }

  append(at: number, body: Partial<FlowInput>): void {
    const input = flowInput(at, body);
    this.driver.pipe(input.workspace, input, {
      appendTimeMs: at,
      take: (outputs) => {
        this.largest = Math.max(this.largest, outputs.length);
        for (const { topic, value } of outputs) {
          if (topic === TOPICS.flowEvents) this.events.push(codecs.flowEvents.decode(value));
          else this.requests.push(codecs.sendRequests.decode(value));
        }
      },
    });
  }

  command(at: number, what: 'pause' | 'resume' | 'archive'): void {
    this.append(at, { command: flowCommand({ number: this.number++, what }) });
  }

  private version = 0;

  publish(at: number, flow: object, runs: 'finish' | 'move' = 'finish'): void {
    const definition = JSON.stringify(flow);
    this.append(at, {
      command: flowCommand({ number: this.number++, what: 'publish', version: ++this.version, definition, runs }),
    });
  }

  /** Answers every message that is out. */
  sendAll(at: number): void {
    for (const { message } of this.requests.splice(0)) {
      if (message === null) continue;
      const { request_id, flow_id, run_id, node, address } = message;
      const outcome = { request_id, flow_id, run_id, node, what: 'sent' as const, reason: null };
      this.append(at, { outcome: { ...outcome, permanent: false, address, text: null } });
    }
  }

  count(what: FlowEvent['what'], reason = ''): number {
    return this.events.filter((event) => event.what === what && (reason === '' || event.reason === reason)).length;
  }

  /** Runs in the order of some of their steps. */
  order(what: FlowEvent['what']): string[] {
    return this.events.filter((event) => event.what === what).map(({ run_id }) => run_id);
  }

  get runs(): number {
    return [...this.driver.state().keys()].filter((key) => key.startsWith('r:')).length;
  }
}

const minute = (n: number): number => T0 + n * MINUTE_MS;

describe(`${RUNS} parked runs`, () => {
  it('that are due at once wake in order, in bounded steps, and each sends once', () => {
    const parked = new Parked();
    parked.append(minute(60), {});
    expect(parked.count('woken')).toBe(0);
    parked.largest = 0;
    parked.append(minute(60) + 1, {});
    expect(parked.count('woken')).toBe(RUNS);
    expect(parked.order('requested')).toEqual(parked.order('started').toSorted());
    expect(parked.largest).toBeLessThan(2_000);
    parked.sendAll(minute(61));
    expect([parked.count('sent'), parked.count('completed'), parked.runs]).toEqual([RUNS, RUNS, 0]);
    const steps = new Set(parked.events.map(({ input_offset, ordinal }) => `${input_offset}:${ordinal}`));
    expect(steps.size).toBe(parked.events.length);
  });

  it('are paused and resumed: what became due proceeds in order, messages that were out are requested again', () => {
    const parked = new Parked();
    parked.append(minute(60) + 1, {});
    const out = parked.requests.length;
    expect(out).toBe(RUNS);
    parked.command(minute(62), 'pause');
    expect(parked.requests.filter(({ revoke }) => revoke?.reason === 'paused').length).toBe(RUNS);
    parked.requests = [];
    parked.command(minute(63), 'resume');
    expect(parked.requests.filter(({ message }) => message !== null).length).toBe(RUNS);
    parked.sendAll(minute(64));
    expect([parked.count('sent'), parked.count('completed'), parked.runs]).toEqual([RUNS, RUNS, 0]);
  });

  it('are archived: all end', () => {
    const parked = new Parked();
    parked.command(minute(5), 'archive');
    expect([parked.count('exited', 'archived'), parked.runs]).toEqual([RUNS, 0]);
    parked.append(minute(61), {});
    expect(parked.count('woken')).toBe(0);
  });

  it('stay on their version, or move to a shorter wait that is over, and no node sends twice', () => {
    const shorter = (next: string): object => ({
      ...FLOW,
      nodes: {
        ...FLOW.nodes,
        w: { type: 'wait', for: { amount: 5, unit: 'minutes' }, next },
        n: { ...EMAIL, next: 'm' },
      },
    });
    const parked = new Parked();
    parked.publish(minute(6), { ...FLOW, name: 'Another name' });
    expect(parked.count('moved')).toBe(0);
    parked.largest = 0;
    parked.publish(minute(7), shorter('n'), 'move');
    expect([parked.count('moved'), parked.count('woken'), parked.count('requested')]).toEqual([RUNS, RUNS, RUNS]);
    expect(parked.largest).toBeLessThan(2_000);
    parked.sendAll(minute(8));
    parked.publish(minute(9), shorter('m'), 'move');
    parked.sendAll(minute(10));
    parked.sendAll(minute(11));
    const sent = parked.events.filter(({ what }) => what === 'sent').map(({ run_id, node }) => `${run_id} ${node}`);
    expect([sent.length, new Set(sent).size]).toEqual([2 * RUNS, 2 * RUNS]);
    expect([parked.count('started'), parked.count('completed'), parked.runs]).toEqual([RUNS, RUNS, 0]);
  });
});
