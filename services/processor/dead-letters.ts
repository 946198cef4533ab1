import type { Codec } from '../../lib/avro/index.ts';
import { deadLetterId } from '../../lib/jane/keys.ts';
import type { SkippedRecord, Topology } from '../../lib/streams/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { CartEvent, DeadLetter, PersonInput } from '../../schemas/types.ts';

/** A record of a person has no body of its own: it is shown as JSON, up to this length. */
const MAX_BODY_BYTES = 1 << 20;

type Origin = Pick<DeadLetter, 'source' | 'subscription_id' | 'received_at' | 'request_at' | 'body'>;

/** The topology, with a dead letter for each record that an operator skips. `originOf` may throw. */
function withDeadLetters<I>(
  topology: Topology<I>,
  codec: Codec<DeadLetter>,
  source: DeadLetter['source'],
  originOf: (input: I) => Omit<Origin, 'source'> & Partial<Origin>,
): Topology<I> {
  const { name, outputs, input } = topology;
  return {
    ...topology,
    outputs: outputs.includes(TOPICS.deadLetters) ? outputs : [...outputs, TOPICS.deadLetters],
    deadLetter(record, reason) {
      const { topic, partition, offset } = record;
      const { body: whole, ...origin } = { source, ...readable(record, (value) => originOf(input.decode(value))) };
      const body = whole.subarray(0, MAX_BODY_BYTES);
      const letter: DeadLetter = {
        ...origin,
        dead_letter_id: deadLetterId(['skipped', topic, partition, offset], whole),
        workspace: record.key.split(':', 1)[0] ?? '',
        reason: 'record_skipped',
        message: `The topology ${name} failed on this record (${topic}, partition ${partition}, offset ${offset}), and an operator skipped it: ${reason}`,
        line: null,
        body,
        body_truncated: body.length < whole.length,
      };
      return { key: letter.subscription_id ?? letter.source, value: codec.encode(letter) };
    },
  };
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
  withDeadLetters(topology, codec, 'events', ({ source, subscription_id, received_at, request_at, body }) => ({
    source: source === 'webhook' ? 'webhook' : 'events',
    subscription_id,
    received_at,
    request_at,
    body,
  }));

/** The topology people with dead letters. */
export const withPersonDeadLetters = (
  topology: Topology<PersonInput>,
  codec: Codec<DeadLetter>,
): Topology<PersonInput> =>
  withDeadLetters(topology, codec, 'people', (input) => ({
    subscription_id: null,
    received_at: input.received_at,
    request_at: null,
    body: Buffer.from(JSON.stringify(input), 'utf8'),
  }));
