/**
 * What to do about a partition or an engine that does not work. The words are those of docs/operate.md, "When something
 * is wrong"; its table has the details.
 */
import type { Status } from '../data/api.ts';

export type Partition = Status['stages'][number]['partitions'][number];
export type StopReason = NonNullable<Partition['problem']>['reason'];
export type Engine = Status['engines'][number];

export interface Advice {
  /** What is wrong, as a short sentence. */
  title: string;
  /** What it means and what to do, one sentence or two each. */
  steps: readonly string[];
  /** The record to skip, if that is a way out. */
  skip: SkippableRecord | null;
}

export interface SkippableRecord {
  topic: string;
  partition: number;
  offset: number;
}

/** Topics whose records may be skipped: the input of the topologies. */
const SKIPPABLE: readonly string[] = ['cart-events', 'person-inputs', 'definitions', 'flow-inputs'];

const NOTHING_LOST = 'Other partitions continue, and nothing that was answered 2xx is lost.';

const WITHOUT_RECORD: Record<Exclude<StopReason, 'failing_record' | 'input_unusable'>, Omit<Advice, 'skip'>> = {
  clock_ahead: {
    title: 'Log time is far ahead of the clock of this process',
    steps: [
      'A record is dated more than 2 minutes in the future: the clock of a machine was wrong. Correct it.',
      'The partition continues by itself once the clock of its process is within 2 minutes of log time. Nothing is lost meanwhile.',
    ],
  },
  corrupt_log: {
    title: 'The log of this partition cannot be read',
    steps: [
      'What Kafka holds there is damaged, or was written with a compression other than gzip. Everything before it has been processed, and reading is retried every minute.',
      'Restore a backup of Kafka, or an intact copy of the partition.',
    ],
  },
  broken_continuity: {
    title: 'The log or the committed offset is not what it was when records were handled',
    steps: [
      'Kafka lost the end of the topic or the committed offsets of the group, or somebody moved them. Handling the input again would count it twice.',
      'Restore a backup of Kafka. Without one, start beside the old data: set a new TOPIC_PREFIX and a new CLICKHOUSE_DATABASE, and send the events again.',
    ],
  },
  unusable_state: {
    title: 'An entry of the changelog cannot be read',
    steps: [
      'A newer release wrote the entry: upgrade the processor. Otherwise the changelog is damaged: restore a backup of Kafka.',
      'The partition is retried every minute.',
    ],
  },
};

/** Null for a partition that works or opens again by itself. `process`: the process that runs the stage. */
export function adviceFor(topic: string | null, partition: Partition, process: string): Advice | null {
  const { problem, state, url } = partition;
  if (state !== 'stopped') return null;
  if (problem === null) return url === null ? noOwner(process) : unexplained(process);
  if (problem.reason === 'failing_record') return failingRecord(topic, partition, problem.offset, problem.part);
  if (problem.reason === 'input_unusable')
    return {
      title: 'The sink cannot continue with this partition',
      steps: [...(problem.detail === null ? [] : [sentence(problem.detail)]), SINK_RETRIES, NOTHING_LOST],
      skip: null,
    };
  return { ...WITHOUT_RECORD[problem.reason], skip: null };
}

const SINK_RETRIES =
  'The sink skips no record. It retries every 30 seconds and continues by itself once the cause is gone.';

const noOwner = (process: string): Advice => ({
  title: 'No process works on this partition',
  steps: [
    `The ${process} is not running, is starting, or cannot reach Kafka. npm start restarts it by itself; the reason is at the end of .data/logs/${process}.log.`,
    NOTHING_LOST,
  ],
  skip: null,
});

const unexplained = (process: string): Advice => ({
  title: 'The partition is stopped',
  steps: [
    `The ${process} gives no reason here. Look for "partition stopped" in .data/logs/${process}.log.`,
    NOTHING_LOST,
  ],
  skip: null,
});

/** What to do about what was skipped. */
const REMEDIES = {
  others: {
    ofRecord: 'The record becomes a dead letter. Replay it after an update that fixes the bug.',
    ofDeadline: 'Send the events of that cart again after the update.',
  },
  'flow-inputs': {
    ofRecord: 'The record becomes a dead letter. It cannot be replayed: what it reported never happened for flows.',
    ofDeadline: 'A run that is removed sends nothing more.',
  },
  definitions: {
    ofRecord: 'It becomes no dead letter. Save the same definition again after an update that fixes the bug.',
    ofDeadline: '',
  },
};

function failingRecord(
  topic: string | null,
  { partition }: Partition,
  offset: number | null,
  part: 'record' | 'deadline' | null,
): Advice {
  const canSkip = topic !== null && offset !== null && SKIPPABLE.includes(topic);
  const remedy = topic === 'flow-inputs' || topic === 'definitions' ? REMEDIES[topic] : REMEDIES.others;
  const consequence =
    part === 'deadline'
      ? `A deadline fails, not the record: the record will be handled, and the state whose deadline fails is removed and becomes a dead letter. ${remedy.ofDeadline}`
      : remedy.ofRecord;
  return {
    title:
      offset === null
        ? 'The stage fails on the same record every time'
        : `The stage fails on offset ${offset} every time`,
    steps: [
      'If the log says that a schema is not in the registry, restore the schemas of the registry. Otherwise this is a bug: report it with the topic, the partition and the offset.',
      'Other partitions continue, and the record is retried every minute.',
      ...(canSkip
        ? [`To continue without it, run the command below where Jane Traits is installed. ${consequence}`]
        : []),
    ],
    skip: canSkip ? { topic, partition, offset } : null,
  };
}

/** The command that skips a record; the reason is kept with the skip and with the dead letter. */
export function skipCommand({ topic, partition, offset }: SkippableRecord, reason: string): string {
  const why = reason.trim();
  const given = why === '' ? '' : ` --reason ${shellQuoted(why)}`;
  return `npm run skip-record -- --topic ${topic} --partition ${partition} --offset ${offset}${given}`;
}

/** In single quotes a shell reads everything literally but the quote. */
const shellQuoted = (text: string): string => `'${text.replace(/\s+/g, ' ').replaceAll("'", `'\\''`)}'`;

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

const ENGINES: Record<Engine['engine'], { title: string; stopped: string; refused: string }> = {
  kafka: {
    title: 'Kafka',
    stopped: 'Webhooks are answered 503 until it answers again, and Jane retries. See .data/logs/kafka.log.',
    refused: 'Check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM.',
  },
  registry: {
    title: 'Schema registry',
    stopped:
      'Services that start wait for it. See .data/logs/registry.log, and kafka.log first: the registry reads its schemas from Kafka.',
    refused: 'Check REGISTRY_USER and REGISTRY_PASSWORD.',
  },
  clickhouse: {
    title: 'ClickHouse',
    stopped:
      'Nothing can be counted until it answers again; the sink waits and loses nothing. See .data/logs/clickhouse.log.',
    refused: 'Check CLICKHOUSE_USER and CLICKHOUSE_PASSWORD.',
  },
};

export interface EngineView {
  title: string;
  state: 'running' | 'stopped' | 'refused';
  words: string;
  /** What to do; null while it runs. */
  remedy: string | null;
}

export function engineView({ engine, state }: Engine): EngineView {
  const { title, stopped, refused } = ENGINES[engine];
  if (state === 'running') return { title, state, words: 'running', remedy: null };
  return state === 'refused'
    ? { title, state, words: 'rejects the user or password', remedy: refused }
    : { title, state, words: 'does not answer', remedy: stopped };
}
