import { createHmac } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { simulateDay } from '../simulate/index.ts';
import { sendWebhooks, signedHeaders } from './index.ts';

const day = simulateDay({ seed: 7, endsAtMs: Date.parse('2026-03-17T23:30:00Z'), carts: 300 });

describe('sendWebhooks', () => {
  const bodies: string[] = [];
  const stamps = new Map<string, Set<string>>();
  let refusals = 3;
  let underway = 0;
  let mostUnderway = 0;
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
      setTimeout(() => {
        underway -= 1;
        if (refused) response.writeHead(429, { 'retry-after': '0' });
        else response.writeHead(genuine ? 202 : 401);
        response.end();
      }, 2);
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
    const result = await sendWebhooks({
      clock: systemClock,
      webhooks,
      targets: { cart_status: target, cart_activity: target, cart_abandoned: target },
      concurrency: 8,
      onProgress: () => (reports += 1),
    });
    expect(result).toMatchObject({ accepted: 300, failed: 0, retries: 3, byStatus: { 202: 300, 429: 3 } });
    expect(bodies.slice().sort()).toEqual(webhooks.map((webhook) => webhook.body).sort());
    expect(Math.max(...[...stamps.values()].map((set) => set.size))).toBe(1);
    expect(mostUnderway).toBeGreaterThan(1);
    expect(mostUnderway).toBeLessThanOrEqual(8);
    expect(reports).toBeGreaterThanOrEqual(300);
  });

  it('keeps to a rate, and reports what is refused for good', async () => {
    const target = { url, bearerToken: 'wrong', signingSecret: 'secret' };
    const result = await sendWebhooks({
      clock: systemClock,
      webhooks: day.webhooks.slice(0, 50),
      targets: { cart_status: target, cart_activity: target, cart_abandoned: target },
      concurrency: 8,
      rate: 200,
    });
    expect(result).toMatchObject({ accepted: 0, failed: 50, retries: 0, byStatus: { 401: 50 } });
    expect(result.elapsedMs).toBeGreaterThan(230);
  });

  it('signs as documented', () => {
    const headers = signedHeaders({ url, bearerToken: 't', signingSecret: 's' }, '{"cart":{}}', 1_700_000_000_123);
    expect(headers['x-jane-request-timestamp']).toBe('1700000000');
    expect(headers['x-jane-signature']).toBe(createHmac('sha256', 's').update('1700000000:{"cart":{}}').digest('hex'));
  });
});
