/** What became of webhooks in a flow: read after the fact from its topics, so that reading costs nothing while it is measured. */
import { createRegistry } from '../../lib/avro/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { FlowEvent, FlowInput, SendRequest } from '../../schemas/types.ts';
import { request, waitUntil, type Workspace } from '../../test/harness/client.ts';
import type { BenchInstallation } from '../pipeline/installation.ts';
import { keyOf, readSince, withKafka } from '../pipeline/stages.ts';
import { ask } from '../pipeline/workspace.ts';

const READ = [TOPICS.flowInputs, TOPICS.flowEvents, TOPICS.sendRequests] as const;

/** The message of one webhook. Times are Unix ms; those of topics are append times. */
export interface FlowMessage {
  /** As in `keyOf`. */
  key: string;
  /** When it was due, by the clock of the log. */
  dueMs: number;
  /** When the changes of the webhook were in flow-inputs. */
  inputMs: number;
  /** When its run was woken, in flow-events; undefined for a run that does not wait. */
  wokenMs: number | undefined;
  requestedMs: number;
  /** When the provider had taken it, by the clock of delivery. */
  sentMs: number;
  /** The questions of its run in the order asked: when each was in send-requests, and its answer in flow-inputs. */
  questions: { askedMs: number; answeredMs: number }[];
}

export interface FlowRecords {
  messages: FlowMessage[];
  skipped: number;
  /** Records `settled`. */
  settled: number;
}

/** Saves and publishes a flow; resolves once it is live. Throws for an answer other than 2xx. */
export async function publishFlow({ apiUrl }: BenchInstallation, { keys }: Workspace, flow: object): Promise<string> {
  const call = async (method: string, path: string, body?: unknown): Promise<{ id: string; state: string }> => {
    const answer = await request<{ id: string; state: string }>(apiUrl + path, { method, key: keys.write, body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const { id } = await call('POST', '/v1/flows', flow);
  await call('POST', `/v1/flows/${id}/publish`);
  await waitUntil('the flow is live', async () => (await call('GET', `/v1/flows/${id}`)).state === 'live', {
    timeoutMs: 60_000,
  });
  return id;
}

/** Waits until so many messages of a workspace have an outcome; throws when one was neither sent nor skipped for want of an address. */
export async function untilDone(
  installation: BenchInstallation,
  { id }: Workspace,
  messages: number,
  timeoutMs: number,
): Promise<void> {
  const count = async (condition: string): Promise<number> => {
    const query = `SELECT countIf(${condition}) FROM flow_events FINAL WHERE workspace = '${id}'`;
    return Number((await ask(installation, query))[0]?.[0]);
  };
  await waitUntil(
    'every message has its outcome',
    async () => (await count(`what IN ('sent', 'skipped', 'failed', 'unknown')`)) >= messages,
    { timeoutMs, everyMs: 1_000 },
  );
  const others = await count(
    `what IN ('failed', 'unknown', 'refused', 'exited') OR (what = 'skipped' AND reason != 'no_address')`,
  );
  if (others > 0) throw new Error(`${others} runs were refused, or their messages were not sent`);
}

/** Where the topics of flows end now; the returned function reads what a workspace has written to them since. */
export async function readFlowRecords(
  installation: BenchInstallation,
): Promise<(workspace: string) => Promise<FlowRecords>> {
  const from = await withKafka(installation, (kafka) => Promise.all(READ.map((topic) => kafka.endOffsets(topic))));
  return (workspace) =>
    withKafka(installation, async (kafka, logger) => {
      const registry = createRegistry({ url: installation.registryUrl, topicPrefix: '', logger, clock: systemClock });
      const found = new Found(workspace);
      const [inputs, events, requests] = [
        await registry.codec<FlowInput>(TOPICS.flowInputs),
        await registry.codec<FlowEvent>(TOPICS.flowEvents),
        await registry.codec<SendRequest>(TOPICS.sendRequests),
      ];
      await readSince(kafka, READ[0], from[0]!, (value, ms) => found.input(inputs.decode(value), ms));
      await readSince(kafka, READ[1], from[1]!, (value, ms) => found.event(events.decode(value), ms));
      await readSince(kafka, READ[2], from[2]!, (value, ms) => found.request(requests.decode(value), ms));
      return found.records();
    });
}

class Found {
  private readonly inputMs = new Map<string, number>();
  private readonly wokenMs = new Map<string, number>();
  private readonly sentMs = new Map<string, number>();
  private readonly answeredMs = new Map<string, number>();
  /** By run. */
  private readonly asked = new Map<string, { id: string; askedMs: number }[]>();
  private readonly requests: { key: string; dueMs: number; requestedMs: number; id: string; run: string }[] = [];
  private skipped = 0;
  private settled = 0;

  constructor(private readonly workspace: string) {}

  input({ workspace, received_at, changes, answer, outcome, settled }: FlowInput, ms: number): void {
    if (settled !== null) this.settled++;
    if (workspace !== this.workspace) return;
    for (const { status } of changes?.changes ?? []) {
      const key = keyOf(changes!.cart_id, status);
      if (!this.inputMs.has(key)) this.inputMs.set(key, ms);
    }
    if (answer !== null) this.answeredMs.set(answer.question_id, ms);
    if (outcome?.what === 'sent') this.sentMs.set(outcome.request_id, received_at);
  }

  event({ workspace, what, run_id }: FlowEvent, ms: number): void {
    if (workspace !== this.workspace) return;
    if (what === 'woken') this.wokenMs.set(run_id, ms);
    if (what === 'skipped') this.skipped++;
  }

  request({ workspace, message, question }: SendRequest, ms: number): void {
    if (workspace !== this.workspace) return;
    if (question !== null) {
      const asked = this.asked.get(question.run_id) ?? [];
      this.asked.set(question.run_id, [...asked, { id: question.question_id, askedMs: ms }]);
    }
    if (message === null) return;
    const { request_id: id, run_id: run, cart_id, event, due_at: dueMs } = message;
    this.requests.push({ key: keyOf(cart_id, event.status), dueMs, requestedMs: ms, id, run });
  }

  /** Throws for a message without an outcome, or that was requested twice. */
  records(): FlowRecords {
    const ids = new Set(this.requests.map(({ id }) => id));
    if (ids.size !== this.requests.length)
      throw new Error(`of ${this.requests.length} messages ${ids.size} are distinct`);
    const messages = this.requests.map(({ key, dueMs, requestedMs, id, run }): FlowMessage => {
      const [inputMs, sentMs] = [this.inputMs.get(key), this.sentMs.get(id)];
      if (inputMs === undefined || sentMs === undefined)
        throw new Error(`${key} has a message without input or outcome`);
      const questions = (this.asked.get(run) ?? []).map(({ id, askedMs }) => {
        return { askedMs, answeredMs: this.answeredMs.get(id) ?? NaN };
      });
      return { key, dueMs, inputMs, wokenMs: this.wokenMs.get(run), requestedMs, sentMs, questions };
    });
    return { messages, skipped: this.skipped, settled: this.settled };
  }
}
