/** A retailer's traffic on known people: what their audiences must show, and when, is known for a part of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, type Random } from '../../lib/simulate/random.ts';
import { postLines, postWebhook, type Subscription, type Workspace } from '../harness/client.ts';
import type { Installation } from '../harness/installation.ts';

/** The window of the workspace: a cart that is quiet for so long is abandoned. */
export const WINDOW_MS = 60_000;
/** A probe enters the audience of probes and leaves it by time after so long. */
export const PROBE_MS = 60_000;
/** The status that only probes have. */
export const PROBE_STATUS = 'delivery_started';
const LINES_AT_ONCE = 5_000;
const RETRY_PAUSE_MS = 200;

export interface Person {
  phone: string;
  email: string;
}

/** People with numbers from 0. Half of them are known by phone and address, the others by phone. */
export const personOf = (number: number): Person => ({
  phone: `+1612${String(2_000_000 + number).padStart(7, '0')}`,
  email: `person${number}@example.com`,
});

const janeTime = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', ' +00:00');

/** Records of all people. */
export async function importPeople(installation: Installation, workspace: Workspace, count: number): Promise<void> {
  const occurred_at = new Date(Date.now() - 86_400_000).toISOString();
  for (let from = 0; from < count; from += LINES_AT_ONCE) {
    const lines = Array.from({ length: Math.min(LINES_AT_ONCE, count - from) }, (_, i) => {
      const { phone, email } = personOf(from + i);
      return { occurred_at, phone, consent: { sms: 'opted_in' }, ...((from + i) % 2 === 0 && { email }) };
    });
    await postLines(installation, workspace, 'people', lines);
  }
}

/** A webhook of which it is known when its person enters the audience of probes, and when they leave it by time. */
export interface Probe {
  person: number;
  /** T, Unix ms. */
  atMs: number;
  /** When the 2xx had arrived, Unix ms. */
  acceptedAtMs: number;
}

export interface TrafficOptions {
  installation: Installation;
  workspace: Workspace;
  /** Of cart_status. */
  subscription: Subscription;
  people: number;
  /** Webhooks per second. */
  rate: number;
  seed: number;
  /** How long before its webhook an event lies, milliseconds: so much sooner its person leaves by time. */
  backMs: number;
}

interface OpenCart {
  id: string;
  person: number;
  pendingAtMs: number;
}

/** Sends until it is stopped. Every webhook is sent again until it is accepted. */
export class Traffic {
  readonly probes: Probe[] = [];
  accepted = 0;
  /** Webhooks that were refused or had no answer at least once. */
  repeated = 0;
  /** People who were merged: nobody's probe any more. */
  private readonly merged = new Set<number>();
  private readonly probedAtMs = new Map<number, number>();
  private readonly random: Random;
  private readonly quiet: OpenCart[] = [];
  private readonly orders: { id: string; person: number }[] = [];
  private cart: number;
  private stopping = false;
  private running: Promise<void> | null = null;
  private readonly open = new Set<Promise<void>>();

  constructor(private readonly options: TrafficOptions) {
    this.random = createRandom(options.seed);
    this.cart = 1_000_000 * (1 + (options.seed % 1_000));
  }

  start(): void {
    this.stopping = false;
    this.running = this.run();
  }

  /** Resolves when everything that was begun is accepted. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
    await Promise.all(this.open);
  }

  private async run(): Promise<void> {
    const startedAtMs = Date.now();
    for (let sent = 0; !this.stopping; sent++) {
      const waitMs = startedAtMs + (sent * 1_000) / this.options.rate - Date.now();
      if (waitMs > 0) await sleep(waitMs);
      const one = this.one().finally(() => this.open.delete(one));
      this.open.add(one);
      if (this.open.size > 200) await Promise.race(this.open);
    }
  }

  private one(): Promise<void> {
    const draw = this.random.next();
    if (draw < 0.6) return this.probe();
    if (draw < 0.75) return this.order();
    if (draw < 0.9) return this.abandon();
    if (draw < 0.98) return this.returnLate();
    return this.merge();
  }

  private anybody(): number {
    return this.random.int(0, this.options.people - 1);
  }

  private async probe(): Promise<void> {
    const person = this.anybody();
    const nowMs = Date.now();
    const atMs = nowMs - this.options.backMs;
    const isFree = nowMs - (this.probedAtMs.get(person) ?? -Infinity) > 3 * PROBE_MS;
    if (!isFree || this.merged.has(person)) return this.order();
    this.probedAtMs.set(person, nowMs);
    await this.send(this.nextCart(), person, PROBE_STATUS, atMs);
    this.probes.push({ person, atMs, acceptedAtMs: Date.now() });
  }

  /** A change of an order, of a known or a new cart. */
  private async order(): Promise<void> {
    const known = this.orders.length > 50 && this.random.chance(0.5) ? this.random.pick(this.orders) : undefined;
    const { id, person } = known ?? { id: this.nextCart(), person: this.anybody() };
    if (known === undefined && this.orders.length < 2_000) this.orders.push({ id, person });
    const status = this.random.pick(['verification', 'preparing', 'ready_for_pickup', 'finished', 'cancelled']);
    await this.send(id, person, status, Date.now() - this.options.backMs - this.random.int(0, 5_000));
  }

  /** A cart that is quiet for so long already that it is abandoned within seconds. */
  private async abandon(): Promise<void> {
    const cart = { id: this.nextCart(), person: this.anybody(), pendingAtMs: Date.now() - WINDOW_MS + 5_000 };
    await this.send(cart.id, cart.person, 'pending', cart.pendingAtMs);
    if (this.quiet.length < 2_000) this.quiet.push(cart);
  }

  /** A checkout that comes late, from before the abandonment: the abandonment never was. */
  private async returnLate(): Promise<void> {
    const index = this.quiet.findIndex(({ pendingAtMs }) => Date.now() > pendingAtMs + WINDOW_MS + 3_000);
    if (index < 0) return this.abandon();
    const [cart] = this.quiet.splice(index, 1);
    await this.send(cart!.id, cart!.person, 'verification', cart!.pendingAtMs + 20_000);
  }

  /** Two people turn out to be one. */
  private async merge(): Promise<void> {
    const [a, b] = [this.anybody(), this.anybody()];
    const isFree = [a, b].every((person) => !this.merged.has(person) && !this.probedAtMs.has(person));
    if (a === b || !isFree) return this.order();
    this.merged.add(a).add(b);
    const line = { occurred_at: new Date().toISOString(), phone: personOf(a).phone, email: personOf(b).email };
    const other = { occurred_at: line.occurred_at, phone: personOf(b).phone, email: personOf(b).email };
    await this.until(async () => {
      await postLines(this.options.installation, this.options.workspace, 'people', [line, other]);
      return true;
    });
  }

  private nextCart(): string {
    return String(this.cart++);
  }

  private async send(id: string, person: number, status: string, atMs: number): Promise<void> {
    const { phone } = personOf(person);
    const body = JSON.stringify({
      cart: {
        id: Number(id),
        status,
        updated_at_time: janeTime(atMs),
        customer_phone_number: phone,
        store_id: 60 + (person % 3),
        amount: 10 + (person % 90),
      },
    });
    const at = new Date();
    await this.until(async () => {
      const answer = await postWebhook(this.options.subscription, body, { at });
      if (answer.status >= 400 && answer.status < 429) throw new Refused(`a webhook was answered ${answer.status}`);
      return answer.status === 202;
    });
    this.accepted++;
  }

  private async until(send: () => Promise<boolean>): Promise<void> {
    for (;;) {
      try {
        if (await send()) return;
      } catch (error) {
        if (error instanceof Refused) throw error;
      }
      this.repeated++;
      await sleep(RETRY_PAUSE_MS);
    }
  }
}

class Refused extends Error {}
