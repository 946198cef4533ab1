import {
  flowChange,
  flowChanges,
  flowCommand,
  flowInput,
  flowProfile,
  flowSettings,
} from '../../../lib/flows/testing/records.ts';
import type { Topology } from '../../../lib/streams/index.ts';
import type { OutputRecord } from '../../../lib/streams/task-core.ts';
import { TestDriver } from '../../../lib/streams/test-driver.ts';
import { TOPICS } from '../../../lib/topics.ts';
import type {
  FlowChange,
  FlowEvent,
  FlowInput,
  FlowOutcome,
  FlowRevocation,
  MessageRequest,
  SendRequest,
} from '../../../schemas/types.ts';
import { codecs, flows } from '../testing.ts';

const MINUTE_MS = 60_000;
const EMAIL = { type: 'email', subject: 'Your cart', html: '{{ unsubscribe_url }}' };

/** A wait of an hour, then an email. */
export const WAITING_FLOW = {
  name: 'A flow',
  triggers: [{ trait: 'cart_status_updated', status: ['preparing'] }],
  start: 'w',
  nodes: { w: { type: 'wait', for: { amount: 1, unit: 'hours' }, next: 'm' }, m: { ...EMAIL, next: null } },
};

/** The same with a wait of five minutes and another email, behind which `next` comes. */
export const shorterFlow = (next: 'n' | 'm'): object => ({
  ...WAITING_FLOW,
  nodes: {
    ...WAITING_FLOW.nodes,
    w: { type: 'wait', for: { amount: 5, unit: 'minutes' }, next },
    n: { ...EMAIL, next: 'm' },
  },
});

/** What delivery writes about a message. */
export function sentOutcome({ request_id, flow_id, run_id, node, address }: MessageRequest): FlowOutcome {
  return { request_id, flow_id, run_id, node, what: 'sent', reason: null, permanent: false, address, text: null };
}

/** What delivery writes about a message whose call had not begun when it was revoked. */
export function revokedOutcome({ request_id, flow_id, run_id, node }: FlowRevocation): FlowOutcome {
  const ids = { request_id, flow_id, run_id, node };
  return { ...ids, what: 'skipped', reason: 'revoked', permanent: false, address: null, text: null };
}

export interface ParkedOptions {
  runs: number;
  /** Log time of the first start, Unix ms. */
  startMs: number;
  flow?: object;
  /** What the trait event of each run has, apart from its id and time. */
  change?: Partial<FlowChange>;
  /** Between the first start and the last one (0). */
  spreadMs?: number;
  topology?: Topology<FlowInput>;
  /** Takes the outputs of each transaction in place of `events` and `requests`. */
  take?(outputs: readonly OutputRecord[]): void;
}

/** One partition in which each of many people has a run; its outputs are cut into transactions, as the runtime does. */
export class ParkedRuns {
  readonly driver: TestDriver<FlowInput>;
  readonly events: FlowEvent[] = [];
  requests: SendRequest[] = [];
  /** Outputs of the largest transaction. */
  largest = 0;
  private readonly options: ParkedOptions;
  private number = 0;
  private version = 0;

  constructor(options: ParkedOptions) {
    const { startMs, runs, spreadMs = 0, flow = WAITING_FLOW } = options;
    this.options = options;
    this.driver = new TestDriver(options.topology ?? flows());
    this.append(startMs, { settings: flowSettings({ number: this.number++ }) });
    this.append(startMs, { settled: { t0: Date.UTC(2100, 0, 1) } });
    this.publish(startMs, flow);
    for (let i = 0; i < runs; i++) this.start(i, startMs + Math.floor((i * spreadMs) / runs));
  }

  private start(i: number, at: number): void {
    const person_id = i + 1;
    const emails = [{ value: `p${i}@example.com`, consent: null }];
    this.append(at, { profile: flowProfile({ person_id, emails }) });
    const { change = { status: 'preparing' } } = this.options;
    const changes = [flowChange({ op: 'asserted', event_id: `e${i}`, occurred_at: at, ...change })];
    this.append(at, { changes: flowChanges({ cart_id: `c${i}`, person_id, changes }) });
  }

  append(at: number, body: Partial<FlowInput>): void {
    const input = flowInput(at, body);
    this.driver.pipe(input.workspace, input, { appendTimeMs: at, take: (outputs) => this.take(outputs) });
  }

  private take(outputs: readonly OutputRecord[]): void {
    this.largest = Math.max(this.largest, outputs.length);
    if (this.options.take !== undefined) {
      this.options.take(outputs);
      return;
    }
    for (const { topic, value } of outputs) {
      if (topic === TOPICS.flowEvents) this.events.push(codecs.flowEvents.decode(value));
      else this.requests.push(codecs.sendRequests.decode(value));
    }
  }

  command(at: number, what: 'pause' | 'resume' | 'archive'): void {
    this.append(at, { command: flowCommand({ number: this.number++, what }) });
  }

  publish(at: number, flow: object, runs: 'finish' | 'move' = 'finish'): void {
    const definition = JSON.stringify(flow);
    this.append(at, {
      command: flowCommand({ number: this.number++, what: 'publish', version: ++this.version, definition, runs }),
    });
  }

  /** Answers every message that is out. */
  sendAll(at: number): void {
    for (const { message } of this.requests.splice(0))
      if (message !== null) this.append(at, { outcome: sentOutcome(message) });
  }

  /** Answers every revocation: no call had begun. */
  replyAll(at: number): void {
    for (const { revoke } of this.requests.splice(0))
      if (revoke !== null) this.append(at, { outcome: revokedOutcome(revoke) });
  }

  count(what: FlowEvent['what'], reason = ''): number {
    return this.events.filter((event) => event.what === what && (reason === '' || event.reason === reason)).length;
  }

  /** Runs in the order of some of their steps. */
  order(what: FlowEvent['what']): string[] {
    return this.events.filter((event) => event.what === what).map(({ run_id }) => run_id);
  }

  get runs(): number {
    let runs = 0;
    for (const [key] of this.driver.entries()) if (key.startsWith('r:')) runs++;
    return runs;
  }

  /** Minutes after the first start. */
  minute(n: number): number {
    return this.options.startMs + n * MINUTE_MS;
  }
}
