/** The flows of the demo: publishes every template on the channel `test`, and says what was sent, and what was not, and why. */
import { setTimeout as sleep } from 'node:timers/promises';
import { bodyOf, type ApiClient } from '../../lib/client/index.ts';

type Say = (message: string) => void;

const PUBLISHED_WITHIN_MS = 60_000;
/** The counts are final when they have not changed for this long. */
const QUIET_MS = 2_000;
const QUIET_WITHIN_MS = 60_000;
const EXAMPLES = 3;

interface DemoFlow {
  id: string;
  name: string;
}

/** Saves and publishes every template; resolves when all of them are live. */
export async function publishTemplates(api: ApiClient): Promise<DemoFlow[]> {
  const { items: templates } = await bodyOf(api.GET('/v1/flow-templates'));
  const flows: DemoFlow[] = [];
  for (const { name, flow } of templates) {
    const { id } = await bodyOf(api.POST('/v1/flows', { body: flow }));
    await bodyOf(api.POST('/v1/flows/{id}/publish', { params: { path: { id } } }));
    flows.push({ id, name });
  }
  const deadline = Date.now() + PUBLISHED_WITHIN_MS;
  for (const { id, name } of flows) {
    while ((await bodyOf(api.GET('/v1/flows/{id}', { params: { path: { id } } }))).state !== 'live') {
      if (Date.now() > deadline)
        throw new Error(`the flow "${name}" is not live in time; see the logs in DATA_DIR/logs`);
      await sleep(100);
    }
  }
  return flows;
}

interface Counts {
  entered: number;
  live: number;
  sent: number;
  /** By reason, the largest first. */
  notSent: [reason: string, count: number][];
  refused: [reason: string, count: number][];
}

/** What a flow has done so far. */
async function countsOf(api: ApiClient, { id }: DemoFlow): Promise<Counts> {
  const report = await bodyOf(api.GET('/v1/flows/{id}/report', { params: { path: { id } } }));
  const notSent: Record<string, number> = {};
  let sent = 0;
  for (const node of Object.values(report.nodes)) {
    sent += node.sent;
    for (const [reason, count] of Object.entries({ ...node.skipped, failed: node.failed, unknown: node.unknown })) {
      notSent[reason] = (notSent[reason] ?? 0) + count;
    }
  }
  const { entered, live, refused } = report;
  return { entered, live, sent, notSent: largestFirst(notSent), refused: largestFirst(refused) };
}

const largestFirst = (counts: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);

/** The counts of all flows, once they no longer change. */
async function finalCounts(api: ApiClient, flows: readonly DemoFlow[]): Promise<Counts[]> {
  const deadline = Date.now() + QUIET_WITHIN_MS;
  for (let before = ''; ;) {
    const counts = await Promise.all(flows.map((flow) => countsOf(api, flow)));
    const now = JSON.stringify(counts);
    if (now === before || Date.now() > deadline) return counts;
    before = now;
    await sleep(QUIET_MS);
  }
}

const shown = (counts: readonly [string, number][]): string =>
  counts.map(([reason, count]) => `${count.toLocaleString('en-US')} ${reason}`).join(', ');

/** Prints what the flows have sent, to whom not, and why, with some messages as they were rendered. */
export async function sayWhatFlowsDid(api: ApiClient, flows: readonly DemoFlow[], say: Say): Promise<void> {
  const counts = await finalCounts(api, flows);
  say('demo: the flows on the channel test, from which nothing leaves this machine:');
  flows.forEach(({ name }, i) => {
    const { entered, live, sent, notSent, refused } = counts[i]!;
    say(`  ${name}: ${entered} runs, ${live} still live; ${sent} messages sent`);
    if (notSent.length > 0) say(`      not sent: ${shown(notSent)}`);
    if (refused.length > 0) say(`      runs not started: ${shown(refused)}`);
  });
  if (counts.some(({ refused }) => refused.some(([reason]) => reason === 'too_old'))) {
    say('  too_old: the day lies in the past. An event that is older than an hour starts nothing.');
  }
  const { items } = await bodyOf(api.GET('/v1/messages', { params: { query: { limit: 50 } } }));
  for (const { address, channel, content } of items.filter(({ outcome }) => outcome === 'sent').slice(0, EXAMPLES)) {
    say(`  ${channel} to ${address}: ${String(content?.['subject'] ?? content?.['text'] ?? '')}`);
  }
}
