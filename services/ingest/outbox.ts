import type { CartEvent, DeadLetter, PersonInput } from '../../schemas/types.ts';
import type { Codec, Registry } from '../../lib/avro/index.ts';
import { HttpProblem } from '../../lib/http/index.ts';
import type { OutgoingRecord, Producer } from '../../lib/kafka/index.ts';
import { cartKey, TOPICS } from '../../lib/topics.ts';

/** The way out: records of the three topics that ingest writes, durable once `send` resolves. */
export class Outbox {
  private constructor(
    readonly producer: Producer,
    private readonly cartEvents: Codec<CartEvent>,
    private readonly personInputs: Codec<PersonInput>,
    private readonly deadLetters: Codec<DeadLetter>,
  ) {}

  static async create(producer: Producer, registry: Registry): Promise<Outbox> {
    const [cartEvents, personInputs, deadLetters] = await Promise.all([
      registry.codec<CartEvent>(TOPICS.cartEvents),
      registry.codec<PersonInput>(TOPICS.personInputs),
      registry.codec<DeadLetter>(TOPICS.deadLetters),
    ]);
    return new Outbox(producer, cartEvents, personInputs, deadLetters);
  }

  cartEvent(event: CartEvent): OutgoingRecord {
    const key = cartKey(event.workspace, event.cart_id);
    return { topic: TOPICS.cartEvents, key, value: this.cartEvents.encode(event) };
  }

  personInput(input: PersonInput): OutgoingRecord {
    return { topic: TOPICS.personInputs, key: input.workspace, value: this.personInputs.encode(input) };
  }

  deadLetter(letter: DeadLetter): OutgoingRecord {
    const key = letter.subscription_id ?? letter.source;
    return { topic: TOPICS.deadLetters, key, value: this.deadLetters.encode(letter) };
  }

  /** Resolves when Kafka has acknowledged all records. Throws BackpressureError or KafkaUnavailableError. */
  async send(records: OutgoingRecord | readonly OutgoingRecord[]): Promise<void> {
    await this.producer.send(records);
  }
}

export const tooBusy = (retryAfterSeconds = 1): HttpProblem =>
  new HttpProblem(429, 'this service is overloaded; send it again later', {
    headers: { 'retry-after': String(retryAfterSeconds) },
  });
