/** a: how many webhooks a second are durable. Closed loop: every connection sends its next when the last is answered. */
import { createSubscription, signWebhook } from '../../test/harness/client.ts';
import { countCpu, type CpuSpent } from './cpu.ts';
import { Connection } from './connection.ts';
import { spread, type Spread } from './figures.ts';
import type { BenchInstallation } from './installation.ts';
import { orderWebhook } from './traffic.ts';
import { newWorkspace, traitCounts, untilFresh } from './workspace.ts';

export interface WebhooksRun {
  perSecond: number;
  /** Per CPU-second of ingest. */
  perIngestCpuSecond: number;
  answered: number;
  /** From sent to 202, milliseconds. */
  answerMs: Spread;
  /** While they were sent. */
  cpu: CpuSpent;
  /** From the last 202 until everything was counted, seconds. */
  drainSeconds: number;
  /** Webhooks per second from the first one sent until everything was counted. */
  countedPerSecond: number;
}

/** One run; throws when any answer is not 202, or when what is counted is not what was answered. */
export async function webhooksRun(
  installation: BenchInstallation,
  { seconds, connections }: { seconds: number; connections: number },
): Promise<WebhooksRun> {
  const workspace = await newWorkspace(installation);
  const subscription = await createSubscription(installation, workspace, { event: 'cart_status' });
  const url = new URL(subscription.url);
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(url)));
  const times: number[] = [];
  let sent = 0;
  const spentSince = countCpu(installation.pids);
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1_000;
  await Promise.all(
    open.map(async (connection) => {
      for (let nowMs = performance.now(); nowMs < endMs;) {
        const { body } = orderWebhook(sent++, Date.now());
        const status = await connection.post(url.pathname, signWebhook(subscription, body), body);
        if (status !== 202) throw new Error(`a webhook was answered ${status} instead of 202`);
        const answeredMs = performance.now();
        times.push(answeredMs - nowMs);
        nowMs = answeredMs;
      }
    }),
  );
  const wallSeconds = (performance.now() - startedMs) / 1_000;
  const cpu = spentSince();
  for (const connection of open) connection.close();
  await untilFresh(installation, workspace, Date.now());
  const totalSeconds = (performance.now() - startedMs) / 1_000;
  const { changes } = await traitCounts(installation, workspace);
  if (changes !== sent) throw new Error(`${sent} webhooks were answered 202, and ${changes} are counted`);
  return {
    perSecond: sent / wallSeconds,
    perIngestCpuSecond: sent / cpu.spent['ingest']!,
    answered: sent,
    answerMs: spread(times),
    cpu,
    drainSeconds: totalSeconds - wallSeconds,
    countedPerSecond: sent / totalSeconds,
  };
}
