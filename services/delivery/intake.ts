import { markOf, type Mark } from '../../lib/kafka/continuity.ts';
import type { Batch, KafkaRecord, Reader } from '../../lib/kafka/types.ts';
import { decodeRecord, type Decoding } from '../../lib/streams/decode-record.ts';
import { InputBuffer } from '../../lib/streams/input-buffer.ts';
import type { TaskLife } from '../../lib/streams/task-life.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { FlowRevocation, SendRequest } from '../../schemas/types.ts';
import type { DeliveryState, OpenQuestion } from './state.ts';
import { STAGE } from './stage.ts';
import type { TaskDeps } from './task.ts';

export interface IntakeDeps {
  partition: number;
  reader: Reader;
  life: TaskLife;
  deps: Pick<TaskDeps, 'codecs' | 'logger' | 'streamMetrics'>;
  state: DeliveryState;
  revoke(workspace: string, revocation: FlowRevocation): void;
  /** Something has arrived. */
  wake(): void;
}

/** Takes the records of one partition of send-requests into the state. */
export class Intake {
  /** The end of the log as it was last read. */
  end: number | null = null;
  /** Log time of that record; null before the first one ever. */
  logTimeMs: number | null = null;
  /** Everything before it was read. */
  readOffset = 0;
  private last: KafkaRecord | undefined;
  private readonly buffer: InputBuffer;
  private readonly decoding: Decoding<SendRequest>;
  private failure: Error | null = null;

  /** @param owner of what is read, as in InputBuffer */
  constructor(
    private readonly options: IntakeDeps,
    owner: object,
  ) {
    const { reader, partition, life, deps } = options;
    const topic = TOPICS.sendRequests;
    this.buffer = new InputBuffer({ reader, topic, partition }, owner);
    this.decoding = {
      topology: { name: STAGE, input: { topic, decode: (value) => deps.codecs.requests.decode(value) } },
      ...{ partition, logger: deps.logger, metrics: deps.streamMetrics },
      pause: (ms) => life.pause(ms),
      unlessEnding: (work) => life.unlessEnding(work),
    };
  }

  /** Reads from this offset on. `logTimeMs`: 0 if it is unknown. */
  start(offset: number, logTimeMs: number): void {
    this.readOffset = offset;
    this.logTimeMs = logTimeMs === 0 ? null : logTimeMs;
    this.buffer.start(offset);
  }

  stop(): void {
    this.buffer.end();
  }

  offer(batch: Batch): void {
    this.buffer.offer(batch);
    this.options.wake();
  }

  fail(error: Error): void {
    this.failure ??= error;
    this.options.wake();
  }

  /** Identifies the last record that was read; undefined before the first one. */
  get mark(): Mark | undefined {
    return this.last === undefined ? undefined : markOf(this.last);
  }

  get hasArrivals(): boolean {
    return !this.buffer.isEmpty || this.failure !== null;
  }

  /** Throws the failure of reading once everything before it has been taken. */
  check(): void {
    if (this.failure !== null && this.buffer.isEmpty) throw this.failure;
  }

  /** Takes the records that have arrived, until the state is full. Returns the questions among them that are new. */
  async takeArrivals(): Promise<OpenQuestion[]> {
    const { buffer } = this;
    const { state } = this.options;
    const questions: OpenQuestion[] = [];
    for (let batch = buffer.first(); batch !== undefined && !state.isFull(); batch = buffer.first()) {
      this.end = Math.max(this.end ?? 0, batch.highWatermark);
      for (const record of batch.records) {
        await this.take(record, questions);
        // What a task that ends has taken of a batch is committed with the offset behind it.
        this.last = record;
        this.readOffset = record.offset + 1;
      }
      this.readOffset = Math.max(this.readOffset, batch.nextOffset);
      buffer.take(batch.records.length);
      buffer.shift();
    }
    return questions;
  }

  private async take(record: KafkaRecord, questions: OpenQuestion[]): Promise<void> {
    const { state, revoke, deps } = this.options;
    deps.streamMetrics.records.inc({ topology: STAGE });
    const decoded = await decodeRecord(record, this.decoding);
    if (decoded === undefined) return;
    const { workspace, log_time, message, question, revoke: revocation, settle } = decoded;
    this.logTimeMs = log_time;
    if (message !== null) state.addRequest(workspace, log_time, message);
    if (revocation !== null) revoke(workspace, revocation);
    if (settle !== null) state.addSettle(workspace, settle);
    const open = question === null ? undefined : state.addQuestion(workspace, question);
    if (open !== undefined) questions.push(open);
  }
}
