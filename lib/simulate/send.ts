import { createHmac } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SimulatedWebhook } from './day.ts';
import type { WebhookEvent } from './story.ts';

/** Where the webhooks of one event go: what creating a subscription answers. */
export interface Target {
  url: string;
  bearerToken: string;
  signingSecret: string;
}

export interface SendProgress {
  /** Deliveries begun. */
  started: number;
  /** Deliveries with an answer, or given up. */
  done: number;
  accepted: number;
  retries: number;
  elapsedMs: number;
}

export interface SendResult extends SendProgress {
  /** Answers by HTTP status, retried ones too; `error` counts connections that broke. */
  byStatus: Record<string, number>;
  /** Deliveries that never got a 2xx. */
  failed: number;
  /** Of accepted deliveries, from the moment the last attempt began, in milliseconds. */
  latencyMs: { p50: number; p99: number };
  /** The longest that an open loop fell behind its own schedule, in milliseconds. */
  behindMs: number;
}

export interface SendOptions {
  webhooks: Iterable<SimulatedWebhook>;
  targets: Record<WebhookEvent, Target>;
  /** Requests under way at most; connections are kept alive. */
  concurrency: number;
  /** Deliveries per second in an open loop; absent: as fast as they are answered. */
  rate?: number;
  /** Every delivery at its own `atMs` instead. */
  live?: boolean;
  /** Attempts of one delivery before it is given up (default 10). */
  attempts?: number;
  onProgress?(progress: SendProgress): void;
  signal?: AbortSignal;
}

/** The headers that Jane sends with a body: the signature is hex HMAC-SHA256 of `{timestamp}:{body}`. */
export function signedHeaders(target: Target, body: string, requestAtMs: number): Record<string, string> {
  const timestamp = String(Math.floor(requestAtMs / 1_000));
  const signature = createHmac('sha256', target.signingSecret).update(`${timestamp}:${body}`).digest('hex');
  return {
    authorization: `Bearer ${target.bearerToken}`,
    'content-type': 'application/json',
    'x-jane-request-timestamp': timestamp,
    'x-jane-signature': signature,
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

/** Latencies of at most so many deliveries are kept, by reservoir, so that an endless run stays small. */
const LATENCIES_KEPT = 20_000;

class Sender {
  readonly #options: SendOptions;
  readonly #agents: Agents;
  readonly #urls = new Map<string, URL>();
  /** The request timestamp that a delivery went out with: a repeat of it says the same. */
  readonly #stamps = new WeakMap<SimulatedWebhook, number>();
  readonly #beganMs = performance.now();
  readonly #latencies: number[] = [];
  readonly byStatus: Record<string, number> = {};
  started = 0;
  done = 0;
  accepted = 0;
  retries = 0;
  failed = 0;
  behindMs = 0;

  constructor(options: SendOptions) {
    this.#options = options;
    const settings = { keepAlive: true, maxSockets: options.concurrency, scheduling: 'fifo' as const };
    this.#agents = { http: new http.Agent(settings), https: new https.Agent(settings) };
  }

  progress(): SendProgress {
    const { started, done, accepted, retries } = this;
    return { started, done, accepted, retries, elapsedMs: performance.now() - this.#beganMs };
  }

  result(): SendResult {
    const sorted = this.#latencies.sort((a, b) => a - b);
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
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  /** How long until this delivery is due, in milliseconds; negative when it is late. */
  dueInMs(webhook: SimulatedWebhook): number {
    if (this.#options.live) return webhook.atMs - Date.now();
    if (this.#options.rate === undefined) return 0;
    return (this.started * 1_000) / this.#options.rate - (performance.now() - this.#beganMs);
  }

  async deliver(webhook: SimulatedWebhook): Promise<void> {
    const attempts = this.#options.attempts ?? 10;
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const answer = await this.#attempt(webhook);
      if (answer !== null && answer.status >= 200 && answer.status < 300) {
        this.accepted += 1;
        return;
      }
      const again = answer === null || answer.status === 429 || answer.status === 503;
      if (!again || attempt === attempts || this.#options.signal?.aborted) break;
      this.retries += 1;
      await sleep(Math.min(10_000, answer?.retryAfterMs ?? 100 * 2 ** attempt));
    }
    this.failed += 1;
  }

  async #attempt(webhook: SimulatedWebhook): Promise<Answer | null> {
    const target = this.#options.targets[webhook.event];
    const url = this.#urls.get(target.url) ?? new URL(target.url);
    this.#urls.set(target.url, url);
    const headers = signedHeaders(target, webhook.body, this.#stamp(webhook.repeats ?? webhook));
    const beganMs = performance.now();
    try {
      const answer = await post(this.#agents, url, headers, webhook.body);
      this.#count(String(answer.status));
      if (answer.status < 300) this.#keepLatency(performance.now() - beganMs);
      return answer;
    } catch {
      this.#count('error');
      return null;
    }
  }

  /** Now, for what is new or too old to be believed; for repeats, what the first one said. */
  #stamp(first: SimulatedWebhook): number {
    const nowMs = Date.now();
    const known = this.#stamps.get(first);
    if (known !== undefined && nowMs - known < 240_000) return known;
    this.#stamps.set(first, nowMs);
    return nowMs;
  }

  #count(status: string): void {
    this.byStatus[status] = (this.byStatus[status] ?? 0) + 1;
  }

  #keepLatency(latencyMs: number): void {
    if (this.#latencies.length < LATENCIES_KEPT) this.#latencies.push(latencyMs);
    else {
      const place = Math.floor(Math.random() * this.accepted);
      if (place < LATENCIES_KEPT) this.#latencies[place] = latencyMs;
    }
  }
}

/**
 * Sends deliveries, signed as of now (an old timestamp would be refused; when each thing happened stands in its
 * body). 429, 503 and broken connections are tried again; anything else is an answer. Never rejects because of
 * one: read `failed` and `byStatus`.
 */
export async function sendWebhooks(options: SendOptions): Promise<SendResult> {
  const sender = new Sender(options);
  const under = new Set<Promise<void>>();
  try {
    for (const webhook of options.webhooks) {
      if (options.signal?.aborted) break;
      let dueMs = sender.dueInMs(webhook);
      // In short naps, so that an abort is heard.
      while (dueMs > 1 && !options.signal?.aborted) {
        await sleep(Math.min(dueMs, 250));
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
