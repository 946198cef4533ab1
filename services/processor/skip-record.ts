import type { Logger } from 'pino';
import type { Clock } from '../../lib/clock/index.ts';
import type { Kafka } from '../../lib/kafka/index.ts';
import {
  SKIPS_TOPIC_SPEC,
  covers,
  encodeSkip,
  followSkips,
  type Skip,
  type SkipScope,
} from '../../lib/streams/index.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';

/** The skip was refused; the message says why. */
export class SkipRefusedError extends Error {
  override readonly name = 'SkipRefusedError';
}

export interface SkipOptions {
  kafka: Kafka;
  clock: Clock;
  /** The group of the topology that reads the topic. */
  groupId: string;
  /** What is skipped of the record depends on what the task has stopped on: see SkipScope. */
  skip: Omit<Skip, 'scope'>;
  /** Skip the record also when no task has stopped on it. */
  force: boolean;
  /** GET <url>/positions of a member of the group; rejects when it does not answer. */
  positionsOf(url: string): Promise<StagePosition[]>;
  logger: Pick<Logger, 'warn'>;
}

/** How long the partition may take to continue, and how often to look. */
const CONTINUE_WITHIN_MS = 30_000;
const POLL_MS = 500;

/**
 * Orders the topology to skip a record, and waits for its partition to continue. Resolves with whether it has: a
 * partition that has not been opened since does so later. Throws a SkipRefusedError for a record that is not in the
 * log, that was handled already, or on which no task has stopped (unless forced).
 */
export async function skipRecord(options: SkipOptions): Promise<boolean> {
  const { kafka, clock, groupId, skip } = options;
  const { topic, partition, offset } = skip;
  // The processor makes it when it starts; it may never have.
  await kafka.ensureTopics([SKIPS_TOPIC_SPEC]);
  const scope = await scopeOf(options);
  const producer = kafka.createProducer();
  try {
    await producer.send(encodeSkip({ ...skip, scope }, clock.wallMs()));
  } finally {
    await producer.close();
  }
  const deadlineMs = clock.elapsedMs() + CONTINUE_WITHIN_MS;
  while (clock.elapsedMs() < deadlineMs) {
    const committed = (await kafka.committedOffsets(groupId, topic))[partition];
    if (committed && committed.offset > offset) return true;
    await clock.sleep(POLL_MS);
  }
  return false;
}

/** How much is to be skipped. Throws a SkipRefusedError. */
async function scopeOf(options: SkipOptions): Promise<SkipScope> {
  const { kafka, groupId, skip, force } = options;
  const { topic, partition, offset } = skip;
  const name = `${topic}, partition ${partition}, offset ${offset}`;
  const [beginning] = (await kafka.beginningOffsets(topic)).slice(partition);
  const [end] = (await kafka.endOffsets(topic)).slice(partition);
  if (beginning === undefined || end === undefined || offset < beginning || offset >= end) {
    throw new SkipRefusedError(`${name} is not in the log`);
  }
  const failing = (await positionsOfGroup(options)).filter(({ failingOffset }) => failingOffset !== undefined);
  const part = failing.find(({ failingOffset }) => failingOffset === offset)?.failingPart;
  const before = await earlierSkip(options);
  if (before !== undefined && (part === undefined || covers(before, part))) {
    throw new SkipRefusedError(`${name} is skipped already`);
  }
  const scope = part === 'deadline' ? 'deadlines' : 'record';
  if (force || part !== undefined) return scope;
  const committed = (await kafka.committedOffsets(groupId, topic))[partition];
  if (committed && committed.offset > offset) {
    throw new SkipRefusedError(
      `${name} was handled already; with --force it is skipped when the input is read again, as for a rebuild`,
    );
  }
  throw new SkipRefusedError(
    failing[0]?.failingOffset === undefined
      ? `no task has stopped on ${name}; use --force to skip it anyway`
      : `the partition has stopped on offset ${failing[0].failingOffset}, not on offset ${offset}`,
  );
}

async function earlierSkip({ kafka, clock, logger, skip }: SkipOptions): Promise<Skip | undefined> {
  const skips = followSkips({ kafka, clock, logger });
  try {
    await skips.known();
    return skips.find(skip.topic, skip.partition, skip.offset);
  } finally {
    await skips.stop();
  }
}

/** The partition's positions, from all members of the group that answer. */
async function positionsOfGroup({ kafka, groupId, skip, positionsOf }: SkipOptions): Promise<StagePosition[]> {
  const { members } = await kafka.describeGroup(groupId);
  const answers = await Promise.all(
    members.map(async ({ url }) => (url === null ? [] : positionsOf(url).catch((): StagePosition[] => []))),
  );
  return answers.flat().filter(({ topic, partition }) => topic === skip.topic && partition === skip.partition);
}
