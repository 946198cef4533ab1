import type { Readable } from 'node:stream';
import type { Clock } from '../../lib/clock/index.ts';
import { HttpProblem } from '../../lib/http/index.ts';
import { deadLetterId } from '../../lib/jane/keys.ts';
import { MAX_LINE_BYTES } from '../../lib/jane/limits.ts';
import type { LineContext, ReceiptSettings } from '../../lib/jane/settings.ts';
import { INTERNAL_ERROR, Unusable } from '../../lib/jane/unusable.ts';
import { BackpressureError, KafkaUnavailableError, type OutgoingRecord } from '../../lib/kafka/index.ts';
import type { Logger } from '../../lib/telemetry/index.ts';
import { BodyTooLargeError, BrokenBodyError, decode, DECODE_LIMITS, drain, type DecodeLimits } from './decode.ts';
import { LineSplitter, type Line } from './lines.ts';
import type { ImportPacer } from './import-pacer.ts';
import type { IngestMetrics } from './metrics.ts';
import type { Outbox } from './outbox.ts';

export interface LineError {
  line: number;
  message: string;
  dead_letter_id: string;
}

/** The result of a bulk body. */
export interface BulkResult {
  /** The number of accepted lines. For an unfinished body: how many lines from its start are settled (accepted or rejected). */
  accepted: number;
  rejected: number;
  /** The first rejected lines. */
  errors: LineError[];
}

export interface BulkLimits {
  maxRejected: number;
  /** Blank lines beyond the number of other lines. */
  maxBlank: number;
  maxErrors: number;
  /** Records and bytes per send, and concurrent sends. */
  batchRecords: number;
  batchBytes: number;
  maxSends: number;
  /** How long Kafka may be unavailable before the body is abandoned. */
  kafkaTimeoutMs: number;
  decode: DecodeLimits;
}

export const BULK_LIMITS: BulkLimits = {
  maxRejected: 10_000,
  maxBlank: 100_000,
  maxErrors: 100,
  batchRecords: 250,
  batchBytes: 1024 * 1024,
  maxSends: 4,
  kafkaTimeoutMs: 30_000,
  decode: DECODE_LIMITS,
};

/** Above this, bulk bodies wait, so that webhooks always have room. */
const QUEUE_ROOM_BYTES = 16 * 1024 * 1024;
const PAUSE_MS = 20;

export interface BulkJob {
  source: 'events' | 'people';
  body: Readable;
  declaredGzip: boolean;
  workspace: string;
  /** Called for each piece of the body, so that a change of the workspace applies from then on. */
  settings: () => ReceiptSettings;
  /** Converts one line to its record. */
  read: (line: Buffer, context: LineContext) => OutgoingRecord | Unusable;
  outbox: Outbox;
  /** Without one, only Kafka limits the speed. */
  pacer?: Pick<ImportPacer, 'take'> | undefined;
  metrics: IngestMetrics;
  logger: Logger;
  clock: Clock;
  limits?: BulkLimits;
}

/**
 * Accepts a whole NDJSON body, in bounded memory, no faster than Kafka and the stages behind it. Throws HttpProblem, with the members of
 * BulkResult: 422 after too many rejected lines, 400 for a body that breaks off, 413 for one that is too large,
 * 503 when Kafka does not answer.
 */
export async function takeBulk(job: BulkJob): Promise<BulkResult> {
  const run = new BulkRun(job);
  try {
    await run.take();
    return run.result();
  } catch (error) {
    const problem = await run.giveUp(error);
    await drain(job.body, { clock: job.clock, maxBytes: 256 * 1024 * 1024, timeoutMs: 5_000 });
    throw problem;
  }
}

/** Errors after which the same send may succeed later. */
const isPassing = (error: unknown): boolean =>
  error instanceof BackpressureError || error instanceof KafkaUnavailableError;

/** Lets everything else that is ready run: a body that arrives fast must not starve webhooks. */
const otherWork = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class TooManyRejectedError extends Error {}

interface Send {
  lastLine: number;
  /** Accepted lines among its records. */
  accepted: number;
  done: Promise<void>;
}

class BulkRun {
  private readonly limits: BulkLimits;
  private readonly splitter = new LineSplitter(MAX_LINE_BYTES);
  private accepted = 0;
  private rejected = 0;
  private readonly errors: LineError[] = [];
  private pending: OutgoingRecord[] = [];
  private pendingBytes = 0;
  private pendingAccepted = 0;
  /** In the order of their lines. */
  private sends: Send[] = [];
  /** Sends that Kafka has not acknowledged yet. */
  private underWay = 0;
  private settled = 0;
  private givenUp = false;

  constructor(private readonly job: BulkJob) {
    this.limits = job.limits ?? BULK_LIMITS;
  }

  async take(): Promise<void> {
    const { body, declaredGzip, metrics, source, clock } = this.job;
    const onWireBytes = (bytes: number): void => metrics.bulkBytes.inc({ source }, bytes);
    for await (const chunk of decode(body, declaredGzip, this.limits.decode, clock, onWireBytes)) {
      await this.takeLines(this.splitter.push(chunk));
      const { lines, blankLines } = this.splitter;
      if (blankLines > this.limits.maxBlank + (lines - blankLines))
        throw new BodyTooLargeError(`it has over ${this.limits.maxBlank} more blank lines than other lines`);
      // A slow sender does not wait for a full batch.
      if (this.underWay === 0) await this.flush(this.splitter.lines);
      await this.settle(this.limits.maxSends - 1);
      await otherWork();
    }
    await this.takeLines(this.splitter.end());
    await this.flush(this.splitter.lines);
    await this.settle(0);
  }

  result(): BulkResult {
    return { accepted: this.accepted, rejected: this.rejected, errors: this.errors };
  }

  private async takeLines(lines: Iterable<Line>): Promise<void> {
    const { workspace, settings, clock } = this.job;
    const context: LineContext = { workspace, settings: settings(), receivedAtMs: clock.wallMs() };
    for (const line of lines) {
      const read = line.tooLong ? tooLong : this.interpret(line, context);
      if (read instanceof Unusable) this.reject(line, read, context.receivedAtMs);
      else {
        this.accepted++;
        this.pendingAccepted++;
        this.add(read);
      }
      if (this.rejected >= this.limits.maxRejected) {
        await this.flush(line.number);
        throw new TooManyRejectedError();
      }
      if (this.pending.length >= this.limits.batchRecords || this.pendingBytes >= this.limits.batchBytes)
        await this.flush(line.number);
    }
  }

  /** On any error here, the line is kept as a dead letter and the others are not affected. */
  private interpret(line: Line, context: LineContext): OutgoingRecord | Unusable {
    const { read, source, logger } = this.job;
    try {
      return read(line.bytes, context);
    } catch (error) {
      logger.error({ err: error, source, line: line.number }, 'cannot interpret a line; keeping it as a dead letter');
      return INTERNAL_ERROR;
    }
  }

  private add(record: OutgoingRecord): void {
    this.pending.push(record);
    this.pendingBytes += (record.value?.length ?? 0) + 100;
  }

  private reject(line: Line, unusable: Unusable, receivedAtMs: number): void {
    const { source, workspace, outbox, metrics } = this.job;
    const id = deadLetterId([source, workspace, line.number], line.bytes);
    this.rejected++;
    metrics.deliveries.inc({ source, result: 'rejected', reason: unusable.reason });
    const { reason, message } = unusable;
    if (this.errors.length < this.limits.maxErrors)
      this.errors.push({ line: line.number, message, dead_letter_id: id });
    this.add(
      outbox.deadLetter({
        dead_letter_id: id,
        workspace,
        source,
        subscription_id: null,
        reason,
        message,
        line: line.number,
        received_at: receivedAtMs,
        request_at: null,
        body: line.bytes,
        body_truncated: line.tooLong,
      }),
    );
  }

  /** Sends the queued records up to this line. Waits while too many sends are open. */
  private async flush(lastLine: number): Promise<void> {
    if (this.pending.length === 0 && this.sends.length === 0) this.settled = lastLine;
    if (this.pending.length === 0) return;
    this.dispatch(lastLine);
    await this.settle(this.limits.maxSends - 1);
  }

  private dispatch(lastLine: number): void {
    const records = this.pending;
    this.pending = [];
    this.pendingBytes = 0;
    this.underWay++;
    const done = this.send(records).finally(() => this.underWay--);
    this.sends.push({ lastLine, accepted: this.pendingAccepted, done });
    this.pendingAccepted = 0;
    // What came meanwhile is not kept waiting either; between two pieces of the body it is whole lines.
    const goOn = (): void => {
      if (this.underWay === 0 && this.pending.length > 0 && !this.givenUp) this.dispatch(this.splitter.lines);
    };
    // Its failure is met in settle, in order.
    done.then(goOn, () => undefined);
  }

  /** Waits until at most `left` sends are open. */
  private async settle(left: number): Promise<void> {
    while (this.sends.length > left) {
      const { done, lastLine, accepted } = this.sends[0]!;
      await done;
      this.job.metrics.deliveries.inc({ source: this.job.source, result: 'accepted', reason: '' }, accepted);
      this.settled = lastLine;
      this.sends.shift();
    }
  }

  private async send(records: OutgoingRecord[]): Promise<void> {
    const { clock } = this.job;
    const { producer } = this.job.outbox;
    await this.job.pacer?.take(records.length);
    const giveUpAtMs = clock.elapsedMs() + this.limits.kafkaTimeoutMs;
    for (;;) {
      while (producer.queuedBytes > QUEUE_ROOM_BYTES && clock.elapsedMs() < giveUpAtMs) await clock.sleep(PAUSE_MS);
      try {
        return await producer.send(records);
      } catch (error) {
        // Sent again, what was written all the same is a repeat, and changes nothing.
        if (!isPassing(error) || clock.elapsedMs() >= giveUpAtMs) throw error;
        await clock.sleep(PAUSE_MS * 10);
      }
    }
  }

  /** The answer to a body that is not taken to its end. */
  async giveUp(error: unknown): Promise<unknown> {
    this.givenUp = true;
    // Whole lines that were read before the body broke off are good.
    const rest = isPassing(error) ? Promise.resolve() : this.flush(this.splitter.lines);
    const failure = await rest
      .then(() => this.settle(0))
      .then(
        () => error,
        (sending: unknown) => (error instanceof TooManyRejectedError ? sending : error),
      );
    const { rejected, errors, settled } = this;
    const unfinished = { accepted: settled, rejected, errors };
    if (failure instanceof TooManyRejectedError)
      return new HttpProblem(422, `stopped after ${rejected} rejected lines; correct the file and send it again`, {
        extensions: { ...this.result() },
      });
    if (failure instanceof BrokenBodyError)
      return new HttpProblem(400, `the body broke off: ${failure.message}; send it again`, { extensions: unfinished });
    if (failure instanceof BodyTooLargeError)
      return new HttpProblem(413, `the body is too large: ${failure.message}; split it`, {
        extensions: unfinished,
      });
    if (isPassing(failure))
      return new HttpProblem(503, 'Kafka does not answer; send the body again later', {
        extensions: unfinished,
        headers: { 'retry-after': '5' },
        cause: failure,
      });
    return failure;
  }
}

const tooLong = new Unusable(
  'line_too_long',
  '',
  `The line is longer than ${MAX_LINE_BYTES} bytes; send one event per line.`,
);
