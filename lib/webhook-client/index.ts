/** Sends signed webhooks over HTTP, as Jane does. */
import http from 'node:http';
import https from 'node:https';
import { Backoff, type Clock } from '../clock/index.ts';
import { signatureOf } from '../jane/signature.ts';
import type { SimulatedWebhook, WebhookEvent } from '../simulate/index.ts';

/** The longest pause before a webhook is sent again, also when the server asks for a longer one. */
const MAX_PAUSE_MS = 10_000;

/** Where the webhooks of one event go: the answer to creating a subscription. */
export interface Target {
  url: string;
  bearerToken: string;
  signingSecret: string;
}

export interface SendProgress {
  /** Deliveries whose first attempt has begun. */
  started: number;
  /** Deliveries that were answered or that failed finally. */
  done: number;
  accepted: number;
  retries: number;
  elapsedMs: number;
}

export interface SendResult extends SendProgress {
  /** Responses by HTTP status, including retried ones; `error` counts broken connections. */
  byStatus: Record<string, number>;
  /** Deliveries that never received a 2xx. */
  failed: number;
  /** Latency of accepted deliveries, measured over the last attempt, in milliseconds. */
  latencyMs: { p50: number; p99: number };
  /** Largest delay of an open loop behind its schedule, in milliseconds. */
  behindMs: number;
}

export interface SendOptions {
  clock: Clock;
  webhooks: Iterable<SimulatedWebhook>;
  targets: Record<WebhookEvent, Target>;
  /** Maximum number of concurrent requests; connections are kept alive. */
  concurrency: number;
  /** Deliveries per second in an open loop; absent: as fast as responses arrive. */
  rate?: number;
  /** Send every delivery at its own `atMs` instead. */
  live?: boolean;
  /** Maximum number of attempts per delivery (default 10). */
  attempts?: number;
  onProgress?(progress: SendProgress): void;
  signal?: AbortSignal;
}

/** The headers that Jane sends with a body. The timestamp is in Unix seconds. */
export function signedHeaders(target: Target, body: string, requestAtMs: number): Record<string, string> {
  const timestamp = String(Math.floor(requestAtMs / 1_000));
  return {
    authorization: `Bearer ${target.bearerToken}`,
    'content-type': 'application/json',
    'x-jane-request-timestamp': timestamp,
    'x-jane-signature': signatureOf(target.signingSecret, timestamp, Buffer.from(body)),
  };
}

interface Answer {
  status: number;
  retryAfterMs: number | null;
}

interface Agents {
  http: http.Agent;
  https: https.Agent;
}

function post(agents: Agents, url: URL, headers: Record<string, string>, body: string): Promise<Answer> {
  const secure = url.protocol === 'https:';
  const length = String(Buffer.byteLength(body));
  const options = { method: 'POST', headers: { ...headers, 'content-length': length }, timeout: 30_000 };
  return new Promise((resolve, reject) => {
    const request = secure
      ? https.request(url, { ...options, agent: agents.https })
      : http.request(url, { ...options, agent: agents.http });
    request.on('timeout', () => request.destroy(new Error('no answer within 30 s')));
    request.on('error', reject);
    request.on('response', (response) => {
      response.on('error', reject);
      response.on('end', () => {
        const after = Number(response.headers['retry-after']);
        resolve({ status: response.statusCode ?? 0, retryAfterMs: Number.isFinite(after) ? after * 1_000 : null });
      });
      response.resume();
    });
    request.end(body);
  });
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

/** Size of the reservoir of latencies, so that an endless run uses bounded memory. */
const LATENCIES_KEPT = 20_000;

class Sender {
  private readonly options: SendOptions;
  private readonly agents: Agents;
  private readonly urls = new Map<string, URL>();
  /** The request timestamp of each delivery: a repeat carries the same one. */
  private readonly stamps = new WeakMap<SimulatedWebhook, number>();
  private readonly beganMs: number;
  private readonly latencies: number[] = [];
  readonly byStatus: Record<string, number> = {};
  started = 0;
  done = 0;
  accepted = 0;
  retries = 0;
  failed = 0;
  behindMs = 0;

  constructor(options: SendOptions) {
    this.options = options;
    this.beganMs = options.clock.elapsedMs();
    const settings = { keepAlive: true, maxSockets: options.concurrency, scheduling: 'fifo' as const };
    this.agents = { http: new http.Agent(settings), https: new https.Agent(settings) };
  }

  progress(): SendProgress {
    const { started, done, accepted, retries } = this;
    return { started, done, accepted, retries, elapsedMs: this.options.clock.elapsedMs() - this.beganMs };
  }

  result(): SendResult {
    const sorted = this.latencies.sort((a, b) => a - b);
    const latencyMs = { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
    return {
      ...this.progress(),
      byStatus: this.byStatus,
      failed: this.failed,
      latencyMs,
      behindMs: this.behindMs,
    };
  }

  close(): void {
    this.agents.http.destroy();
    this.agents.https.destroy();
  }

  /** How long until this delivery is due, in milliseconds; negative when it is late. */
  dueInMs(webhook: SimulatedWebhook): number {
    if (this.options.live) return webhook.atMs - this.options.clock.wallMs();
    if (this.options.rate === undefined) return 0;
    return (this.started * 1_000) / this.options.rate - (this.options.clock.elapsedMs() - this.beganMs);
  }

  async deliver(webhook: SimulatedWebhook): Promise<void> {
    const attempts = this.options.attempts ?? 10;
    const backoff = new Backoff({ firstMs: 200, maxMs: MAX_PAUSE_MS });
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const answer = await this.attempt(webhook);
      if (answer !== null && answer.status >= 200 && answer.status < 300) {
        this.accepted += 1;
        return;
      }
      const again = answer === null || answer.status === 429 || answer.status === 503;
      if (!again || attempt === attempts || this.options.signal?.aborted) break;
      this.retries += 1;
      await this.options.clock.sleep(
        Math.min(MAX_PAUSE_MS, answer?.retryAfterMs ?? backoff.nextMs()),
        this.options.signal,
      );
    }
    this.failed += 1;
  }

  private async attempt(webhook: SimulatedWebhook): Promise<Answer | null> {
    const target = this.options.targets[webhook.event];
    const url = this.urls.get(target.url) ?? new URL(target.url);
    this.urls.set(target.url, url);
    const headers = signedHeaders(target, webhook.body, this.stamp(webhook.repeats ?? webhook));
    const { clock } = this.options;
    const beganMs = clock.elapsedMs();
    try {
      const answer = await post(this.agents, url, headers, webhook.body);
      this.count(String(answer.status));
      if (answer.status < 300) this.keepLatency(clock.elapsedMs() - beganMs);
      return answer;
    } catch {
      this.count('error');
      return null;
    }
  }

  /** Now for a new delivery or one whose timestamp has become too old; a repeat carries the timestamp of the first. */
  private stamp(first: SimulatedWebhook): number {
    const nowMs = this.options.clock.wallMs();
    const known = this.stamps.get(first);
    if (known !== undefined && nowMs - known < 240_000) return known;
    this.stamps.set(first, nowMs);
    return nowMs;
  }

  private count(status: string): void {
    this.byStatus[status] = (this.byStatus[status] ?? 0) + 1;
  }

  private keepLatency(latencyMs: number): void {
    if (this.latencies.length < LATENCIES_KEPT) this.latencies.push(latencyMs);
    else {
      const index = Math.floor(Math.random() * this.accepted);
      if (index < LATENCIES_KEPT) this.latencies[index] = latencyMs;
    }
  }
}

/**
 * Sends deliveries with the current time as the request timestamp: an old one would be refused, and the body carries
 * the time of the event. 429, 503 and broken connections are retried; any other response is final. Never rejects
 * because of a failed delivery: read `failed` and `byStatus`.
 */
export async function sendWebhooks(options: SendOptions): Promise<SendResult> {
  const sender = new Sender(options);
  const under = new Set<Promise<void>>();
  try {
    for (const webhook of options.webhooks) {
      if (options.signal?.aborted) break;
      let dueMs = sender.dueInMs(webhook);
      // Short sleeps, so that progress is reported while waiting.
      while (dueMs > 1 && !options.signal?.aborted) {
        await options.clock.sleep(Math.min(dueMs, 250), options.signal);
        dueMs = sender.dueInMs(webhook);
        options.onProgress?.(sender.progress());
      }
      if (options.signal?.aborted) break;
      while (under.size >= options.concurrency) await Promise.race(under);
      sender.behindMs = Math.max(sender.behindMs, options.live ? 0 : -sender.dueInMs(webhook));
      sender.started += 1;
      const delivery = sender.deliver(webhook).then(() => {
        sender.done += 1;
        under.delete(delivery);
        options.onProgress?.(sender.progress());
      });
      under.add(delivery);
    }
    await Promise.all(under);
    return sender.result();
  } finally {
    sender.close();
  }
}
