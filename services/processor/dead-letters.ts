import type { Codec } from '../../lib/avro/index.ts';
import { workspaceOfEntry } from '../../lib/flows/index.ts';
import { deadLetterId } from '../../lib/jane/keys.ts';
import type { SkippedRecord, Topology } from '../../lib/streams/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { CartEvent, DeadLetter, FlowInput, PersonInput } from '../../schemas/types.ts';

/** A record of a person or of flows has no body of its own: it is shown as JSON, up to this length. */
const MAX_BODY_BYTES = 1 << 20;

type Origin = Pick<DeadLetter, 'source' | 'subscription_id' | 'received_at' | 'request_at' | 'body'>;

interface LetterOptions<I> {
  codec: Codec<DeadLetter>;
  source: DeadLetter['source'];
  /** May throw. */
  originOf(input: I): Omit<Origin, 'source'> & Partial<Origin>;
  /** The workspace of a state entry, by its key; undefined for an entry of no workspace, which counts to the record's. */
  workspaceOf(entryKey: string): string | undefined;
}

/** The topology, with a dead letter for each record that an operator skips, and for each entry that a skip removes. */
function withDeadLetters<I>(topology: Topology<I>, options: LetterOptions<I>): Topology<I> {
  const { outputs } = topology;
  return {
    ...topology,
    outputs: outputs.includes(TOPICS.deadLetters) ? outputs : [...outputs, TOPICS.deadLetters],
    deadLetter(record, reason) {
      const letter =
        record.entry === undefined
          ? letterOfRecord(record, reason, topology, options)
          : letterOfEntry(record, record.entry, reason, topology, options);
      return { key: letter.subscription_id ?? letter.source, value: options.codec.encode(letter) };
    },
  };
}

const nameOf = ({ topic, partition, offset }: SkippedRecord): string =>
  `${topic}, partition ${partition}, offset ${offset}`;

const workspaceOfRecord = ({ key }: SkippedRecord): string => key.split(':', 1)[0] ?? '';

function letterOfRecord<I>(
  record: SkippedRecord,
  reason: string,
  { name, input }: Topology<I>,
  { source, originOf }: LetterOptions<I>,
): DeadLetter {
  const { topic, partition, offset } = record;
  const { body: whole, ...origin } = { source, ...readable(record, (value) => originOf(input.decode(value))) };
  return {
    ...origin,
    ...bodyOf(whole),
    dead_letter_id: deadLetterId(['skipped', topic, partition, offset], whole),
    workspace: workspaceOfRecord(record),
    reason: 'record_skipped',
    message: `The topology ${name} failed on this record (${nameOf(record)}), and an operator skipped it: ${reason}`,
    line: null,
  };
}

/** The key of the entry is in the message: keys of the state of carts name a workspace and a cart. */
function letterOfEntry<I>(
  record: SkippedRecord,
  { key, value }: NonNullable<SkippedRecord['entry']>,
  reason: string,
  { name }: Topology<I>,
  { source, workspaceOf }: LetterOptions<I>,
): DeadLetter {
  const { topic, partition, offset, appendTimeMs } = record;
  return {
    ...bodyOf(value),
    dead_letter_id: deadLetterId(['removed', topic, partition, offset, key], value),
    workspace: workspaceOf(key) ?? workspaceOfRecord(record),
    source,
    subscription_id: null,
    reason: 'state_removed',
    message: `A deadline of ${key} failed in the topology ${name} (at ${nameOf(record)}), and an operator had its state removed: ${reason}`,
    line: null,
    received_at: appendTimeMs,
    request_at: null,
  };
}

function bodyOf(whole: Buffer): Pick<DeadLetter, 'body' | 'body_truncated'> {
  const body = whole.subarray(0, MAX_BODY_BYTES);
  return { body, body_truncated: body.length < whole.length };
}

/** Where the record came from; of one that cannot be read, its bytes. */
function readable<O>(
  { value, appendTimeMs }: SkippedRecord,
  originOf: (value: Buffer) => O,
): O | Omit<Origin, 'source'> {
  const bytes = value ?? Buffer.alloc(0);
  try {
    return originOf(bytes);
  } catch {
    return { subscription_id: null, received_at: appendTimeMs, request_at: null, body: bytes };
  }
}

/** The topology carts with dead letters, whose bodies are those that Jane or another program sent. */
export const withCartDeadLetters = (topology: Topology<CartEvent>, codec: Codec<DeadLetter>): Topology<CartEvent> =>
  withDeadLetters(topology, {
    codec,
    source: 'events',
    workspaceOf: (entryKey) => entryKey.split(':', 1)[0],
    originOf: ({ source, subscription_id, received_at, request_at, body }) => ({
      source: source === 'webhook' ? 'webhook' : 'events',
      subscription_id,
      received_at,
      request_at,
      body,
    }),
  });

/** The topology people with dead letters, whose bodies are its input records as JSON: they cannot be replayed. */
export const withPersonDeadLetters = (
  topology: Topology<PersonInput>,
  codec: Codec<DeadLetter>,
): Topology<PersonInput> =>
  withDeadLetters<PersonInput>(topology, {
    codec,
    source: 'people',
    workspaceOf: (entryKey) => entryKey.split('/', 2)[1],
    originOf: internal,
  });

/** The topology flows with dead letters, whose bodies are its input records as JSON: they cannot be replayed. */
export const withFlowDeadLetters = (topology: Topology<FlowInput>, codec: Codec<DeadLetter>): Topology<FlowInput> =>
  withDeadLetters<FlowInput>(topology, { codec, source: 'flows', workspaceOf: workspaceOfEntry, originOf: internal });

/** A record that another topology has written. */
const internal = (input: PersonInput | FlowInput): Omit<Origin, 'source'> => ({
  subscription_id: null,
  received_at: input.received_at,
  request_at: null,
  body: Buffer.from(JSON.stringify(input), 'utf8'),
});
