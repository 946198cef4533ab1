/**
 * d: from a webhook until it counts, open loop. Each webhook has an instant at which it should be sent, fixed in advance
 * and independent of the webhooks before; its time runs from that instant, so a generator or a server that stalls is
 * not spared the webhooks that would have come meanwhile. It ends when ClickHouse makes the part with its trait event
 * visible to queries: the rows of the last seconds are queried again and again, each row names its part, and the part's
 * folder has the instant ({@link PartTimes}). The time of the first answer with the row is reported as well.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createSubscription, preview, signWebhook, type Workspace } from '../../test/harness/client.ts';
import { ConnectionPool } from './connection.ts';
import { countCpu, residentMiB, type CpuSpent } from './cpu.ts';
import { curve, spread, type Spread } from './figures.ts';
import type { BenchInstallation } from './installation.ts';
import { keyOf, readStages, type AppendTimes, type StageTotals } from './stages.ts';
import { orderWebhook } from './traffic.ts';
import { PartTimes } from './part-times.ts';
import { ask, newWorkspace } from './workspace.ts';

export interface LatencyOptions {
  /** Webhooks per second. */
  rate: number;
  seconds: number;
  /** At the same rate before, not measured. */
  warmUpSeconds: number;
  /** Between the beginnings of two looks at ClickHouse, at least. */
  pollMs: number;
  seed: number;
}

/** All spreads in milliseconds. */
export interface LatencyRun {
  webhooks: number;
  /** From due to visible to every query. */
  counted: Spread;
  /** From due to the first answer that holds it: later by up to the interval of the queries and the time of one. */
  observed: Spread;
  /** Quantiles from 0 to 1 of the same. */
  curve: [number, number][];
  /** The worst of each whole second from the start. */
  worstBySecond: number[];
  /** Webhooks that were sent in each whole second from the start. */
  sentBySecond: number[];
  /** Shares of the way of each webhook. */
  stages: Record<string, Spread>;
  cpu: CpuSpent;
  residentMiB: Record<string, number>;
  totals: StageTotals;
  /** How coarse the end of each time is: between one look that did not hold it and the answer of the one that did. */
  resolution: Spread;
  /** One look. */
  look: Spread;
  /** Connections that were opened. */
  connections: number;
}

/** What is done besides, in the same run and workspace. */
export interface Beside {
  /** Before the first webhook. */
  begin(workspace: Workspace): Promise<void>;
  /** After all webhooks, those of the warm-up included, are counted. */
  end(measured: readonly SentWebhook[], all: readonly SentWebhook[]): Promise<void>;
}

export interface SentWebhook {
  /** As in `keyOf`. */
  key: string;
  /** Unix milliseconds with fractions, as all times here. */
  dueMs: number;
  sentMs: number;
  answeredMs: number;
  countedMs: number;
  /** When the first answer that holds it came. */
  observedMs: number;
  /** When the look that found it began to be the earliest that could: the beginning of the one before. */
  lookedMs: number;
}

const COUNTED_WITHIN_MS = 60_000;

/** Throws when a webhook is refused, or is not counted a minute after the last one. */
export async function latencyRun(
  installation: BenchInstallation,
  options: LatencyOptions,
  beside?: Beside,
): Promise<LatencyRun> {
  const workspace = await newWorkspace(installation);
  await beside?.begin(workspace);
  const subscription = await createSubscription(installation, workspace, { event: 'cart_status' });
  const pool = new ConnectionPool(new URL(subscription.url));
  await pool.warm(32);
  const watch = new Watch(installation, workspace, options.pollMs, await PartTimes.of(installation, 'trait_events'));
  const watching = watch.run();
  const warmUp = Math.round(options.rate * options.warmUpSeconds);
  const all: SentWebhook[] = [];
  const send = async (n: number, dueMs: number): Promise<void> => {
    const sentMs = nowMs();
    const { cartId, status, body } = orderWebhook(n, sentMs);
    const unknown = { answeredMs: NaN, countedMs: NaN, observedMs: NaN, lookedMs: NaN };
    const sent: SentWebhook = { key: keyOf(cartId, status), dueMs, sentMs, ...unknown };
    all.push(sent);
    watch.expect(sent);
    try {
      const answer = await pool.post(signWebhook(subscription, body), body);
      sent.answeredMs = nowMs();
      if (answer !== 202) throw new Error(`a webhook was answered ${answer} instead of 202`);
    } catch (error) {
      watch.fail(error as Error);
    }
  };
  const schedule = arrivals(warmUp + Math.round(options.rate * options.seconds), options);
  const stages = await readStages(installation);
  let spentSince = countCpu(installation.pids);
  const startMs = nowMs() + 100;
  const underWay: Promise<void>[] = [];
  for (const [n, afterMs] of schedule.entries()) {
    const dueMs = startMs + afterMs;
    for (let leftMs = dueMs - nowMs(); leftMs > 0; leftMs = dueMs - nowMs()) await sleep(leftMs);
    watch.check();
    if (n === warmUp) spentSince = countCpu(installation.pids);
    underWay.push(send(n, dueMs));
  }
  const cpu = spentSince();
  const memory = residentMiB(installation.pids());
  await Promise.all(underWay);
  await watch.finish(COUNTED_WITHIN_MS);
  await watching;
  pool.close();
  const totals = await stages.totals();
  await checkPeople(installation, workspace);
  const measured = all.slice(warmUp);
  await beside?.end(measured, all);
  const times = measured.map(({ countedMs, dueMs }) => countedMs - dueMs);
  return {
    webhooks: measured.length,
    counted: spread(times),
    observed: spread(measured.map(({ observedMs, dueMs }) => observedMs - dueMs)),
    curve: curve(times),
    worstBySecond: worstBySecond(measured),
    sentBySecond: sentBySecond(measured),
    stages: shares(measured, await stages.appendTimes(workspace.id)),
    cpu,
    residentMiB: memory,
    totals,
    resolution: spread(measured.map(({ observedMs, lookedMs }) => observedMs - lookedMs)),
    look: spread(watch.lookMs),
    connections: pool.size,
  };
}

const nowMs = (): number => performance.timeOrigin + performance.now();

/** Independent arrivals, as of many shoppers: exponential gaps. Milliseconds from the start, the same for equal seeds. */
function arrivals(count: number, { rate, seed }: LatencyOptions): number[] {
  let state = seed >>> 0;
  let atMs = 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    atMs += (-Math.log(1 - state / 4_294_967_296) * 1_000) / rate;
    return atMs;
  });
}

/** Looks at the rows of the last seconds, and notes when each webhook that was sent is among them. */
class Watch {
  readonly lookMs: number[] = [];
  private readonly missing = new Map<string, SentWebhook>();
  private finishing = false;
  private failed: Error | undefined;
  private deadlineMs = Infinity;

  constructor(
    private readonly installation: BenchInstallation,
    private readonly workspace: Workspace,
    private readonly pollMs: number,
    private readonly parts: PartTimes,
  ) {}

  expect(sent: SentWebhook): void {
    this.missing.set(sent.key, sent);
  }

  fail(error: Error): void {
    this.failed ??= error;
  }

  /** Throws what went wrong so far. */
  check(): void {
    if (this.failed) throw this.failed;
  }

  async finish(withinMs: number): Promise<void> {
    this.finishing = true;
    this.deadlineMs = nowMs() + withinMs;
    while (this.missing.size > 0 && this.failed === undefined) await sleep(20);
    this.check();
  }

  async run(): Promise<void> {
    try {
      let before = nowMs();
      while (this.failed === undefined && (!this.finishing || this.missing.size > 0)) {
        if (nowMs() > this.deadlineMs) throw new Error(`${this.missing.size} webhooks with 202 are not counted`);
        const began = nowMs();
        await this.look(before);
        before = began;
        await sleep(Math.max(1, began + this.pollMs - nowMs()));
      }
    } catch (error) {
      this.fail(error as Error);
    }
  }

  private async look(lookedMs: number): Promise<void> {
    const oldest = this.missing.values().next().value;
    if (oldest === undefined) return;
    // T has whole seconds: of checkout, or of the request timestamp.
    const from = Math.floor(oldest.sentMs / 1_000) - 1;
    const began = nowMs();
    const rows = await ask(
      this.installation,
      `SELECT cart_id, status, _part FROM trait_events
       WHERE workspace = '${this.workspace.id}' AND trait = 'cart_status_updated'
         AND occurred_at >= toDateTime64(${from}, 3) SETTINGS max_threads = 1`,
    );
    const observedMs = nowMs();
    this.lookMs.push(observedMs - began);
    for (const [cartId = '', status = '', part = ''] of rows) {
      const key = keyOf(cartId, status);
      const sent = this.missing.get(key);
      if (sent === undefined) continue;
      const countedMs = this.parts.visibleMs(part, lookedMs, observedMs);
      Object.assign(sent, { countedMs, observedMs, lookedMs });
      this.missing.delete(key);
    }
  }
}

/** That rows are seen is not yet that people are counted: at the end they must be. */
async function checkPeople(installation: BenchInstallation, workspace: Workspace): Promise<void> {
  const audience = { trait: 'cart_status_updated' } as const;
  const { count } = await preview(installation, workspace, audience, { include_anonymous: true });
  const [row] = await ask(
    installation,
    `SELECT uniqExact(person_id) FROM v_trait_events WHERE workspace = '${workspace.id}'`,
  );
  if (count !== Number(row?.[0])) throw new Error(`the preview counts ${count} people, the rows have ${row?.[0]}`);
}

function worstBySecond(all: readonly SentWebhook[]): number[] {
  const startMs = all[0]?.dueMs ?? 0;
  const worst: number[] = [];
  for (const { dueMs, countedMs } of all) {
    const second = Math.floor((dueMs - startMs) / 1_000);
    worst[second] = Math.round(Math.max(worst[second] ?? 0, countedMs - dueMs));
  }
  return Array.from(worst, (value) => value ?? 0);
}

function sentBySecond(all: readonly SentWebhook[]): number[] {
  const startMs = all[0]?.dueMs ?? 0;
  const sent: number[] = [];
  for (const { sentMs } of all) {
    const second = Math.floor((sentMs - startMs) / 1_000);
    sent[second] = (sent[second] ?? 0) + 1;
  }
  return Array.from(sent, (value) => value ?? 0);
}

/** Where a webhook's time went; append times have whole milliseconds. */
function shares(all: readonly SentWebhook[], appended: AppendTimes): Record<string, Spread> {
  const between = (from: (sent: SentWebhook) => number, to: (sent: SentWebhook) => number): Spread =>
    spread(all.map((sent) => Math.max(0, to(sent) - from(sent))));
  const at =
    (times: Map<string, number>) =>
    ({ key }: SentWebhook): number => {
      const time = times.get(key);
      if (time === undefined) throw new Error(`${key} is counted, and is not in a topic before`);
      return time;
    };
  const [cartEvents, personInputs, traitEvents] = [
    at(appended.cartEvents),
    at(appended.personInputs),
    at(appended.traitEvents),
  ];
  return {
    'due → sent (the generator)': between(
      (sent) => sent.dueMs,
      (sent) => sent.sentMs,
    ),
    'sent → 202': between(
      (sent) => sent.sentMs,
      (sent) => sent.answeredMs,
    ),
    'sent → in cart-events (ingest)': between((sent) => sent.sentMs, cartEvents),
    'cart-events → person-inputs (carts)': between(cartEvents, personInputs),
    'person-inputs → trait-events (carts commits, people)': between(personInputs, traitEvents),
    'trait-events → counted (people commits, sink)': between(traitEvents, (sent) => sent.countedMs),
  };
}
