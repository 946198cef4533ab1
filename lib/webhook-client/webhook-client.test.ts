import { createHmac } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import { simulateDay } from '../simulate/index.ts';
import { sendWebhooks, signedHeaders, type SendProgress } from './index.ts';

const day = simulateDay({ seed: 7, endsAtMs: Date.parse('2026-03-17T23:30:00Z'), carts: 300 });

/** Advances the clock whenever somebody sleeps, until `work` has settled; requests take no time on it. */
async function finished<T>(work: Promise<T>, clock: ManualClock): Promise<T> {
  let isSettled = false;
  const settled = work.finally(() => (isSettled = true));
  while (!isSettled) await clock.advance(Math.max(0, (clock.nextWakeMs ?? 0) - clock.elapsedMs()));
  return settled;
}

const CONCURRENCY = 8;

describe('sendWebhooks', () => {
  const bodies: string[] = [];
  const stamps = new Map<string, Set<string>>();
  let refusals = 3;
  let underway = 0;
  let mostUnderway = 0;
  /** Answers that wait until the client has as many requests under way as it may: the first ones. */
  let waiting: (() => void)[] | undefined = [];
  const server = http.createServer((request, response) => {
    underway += 1;
    mostUnderway = Math.max(mostUnderway, underway);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const timestamp = String(request.headers['x-jane-request-timestamp']);
      const signature = createHmac('sha256', 'secret').update(`${timestamp}:${body}`).digest('hex');
      const genuine =
        request.headers['x-jane-signature'] === signature && request.headers.authorization === 'Bearer token';
      const refused = refusals > 0;
      if (refused) refusals -= 1;
      else if (genuine) {
        bodies.push(body);
        stamps.set(body, (stamps.get(body) ?? new Set()).add(timestamp));
      }
      const answer = (): void => {
        underway -= 1;
        if (refused) response.writeHead(429, { 'retry-after': '0' });
        else response.writeHead(genuine ? 202 : 401);
        response.end();
      };
      if (waiting === undefined) return answer();
      waiting.push(answer);
      if (waiting.length < CONCURRENCY) return;
      for (const one of waiting) one();
      waiting = undefined;
    });
  });
  let url = '';
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/webhooks/jane/x`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('signs every body, tries again what was put off, and keeps within its bound', async () => {
    const target = { url, bearerToken: 'token', signingSecret: 'secret' };
    const webhooks = day.webhooks.slice(0, 300);
    let reports = 0;
    const clock = new ManualClock();
    const targets = { cart_status: target, cart_activity: target, cart_abandoned: target };
    let mostPending = 0;
    const onProgress = ({ started, done }: SendProgress): void => {
      reports += 1;
      mostPending = Math.max(mostPending, started - done);
    };
    const sending = sendWebhooks({ clock, webhooks, targets, concurrency: CONCURRENCY, onProgress });
    const result = await finished(sending, clock);
    expect(result).toMatchObject({ accepted: 300, failed: 0, retries: 3, byStatus: { 202: 300, 429: 3 } });
    expect(bodies.slice().sort()).toEqual(webhooks.map((webhook) => webhook.body).sort());
    expect(Math.max(...[...stamps.values()].map((set) => set.size))).toBe(1);
    expect(mostUnderway).toBe(CONCURRENCY);
    // Progress is reported when a delivery is done, before the next one begins.
    expect(mostPending).toBe(CONCURRENCY - 1);
    expect(reports).toBeGreaterThanOrEqual(300);
  });

  it('keeps to a rate, and reports what is refused for good', async () => {
    const target = { url, bearerToken: 'wrong', signingSecret: 'secret' };
    const clock = new ManualClock();
    const targets = { cart_status: target, cart_activity: target, cart_abandoned: target };
    const webhooks = day.webhooks.slice(0, 50);
    const sending = sendWebhooks({ clock, webhooks, targets, concurrency: CONCURRENCY, rate: 200 });
    const result = await finished(sending, clock);
    expect(result).toMatchObject({ accepted: 0, failed: 50, retries: 0, byStatus: { 401: 50 } });
    // One delivery every 5 ms, the first at once.
    expect(result.elapsedMs).toBe(245);
  });

  it('signs as documented', () => {
    const headers = signedHeaders({ url, bearerToken: 't', signingSecret: 's' }, '{"cart":{}}', 1_700_000_000_123);
    expect(headers['x-jane-request-timestamp']).toBe('1700000000');
    expect(headers['x-jane-signature']).toBe(createHmac('sha256', 's').update('1700000000:{"cart":{}}').digest('hex'));
  });
});
