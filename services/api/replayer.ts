import type { CartEvent, DeadLetter, PersonInput } from '../../schemas/types.ts';
import type { Registry } from '../../lib/avro/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import { UnknownWorkspaceError, type Definitions } from '../../lib/definitions/index.ts';
import { MAX_LINE_BYTES, MAX_WEBHOOK_BYTES } from '../../lib/jane/limits.ts';
import { parseLine } from '../../lib/jane/line.ts';
import { parsePersonLine } from '../../lib/jane/person.ts';
import { settingsOf, type LineContext } from '../../lib/jane/settings.ts';
import { Unusable } from '../../lib/jane/unusable.ts';
import { parseWebhook } from '../../lib/jane/webhook.ts';
import type { Producer } from '../../lib/kafka/index.ts';
import { cartKey, TOPICS } from '../../lib/topics.ts';

/** The fields of a dead letter that a replay needs. */
export type Letter = Pick<DeadLetter, 'dead_letter_id' | 'workspace' | 'source' | 'subscription_id' | 'request_at'>;

/** The body of this dead letter cannot be used. */
export class UnusableBodyError extends Error {
  override readonly name = 'UnusableBodyError';

  constructor(
    message: string,
    readonly deadLetterId: string,
    /** JSON Pointer of the invalid value; undefined when the fault is not in the body. */
    readonly path?: string,
  ) {
    super(message);
  }
}

/** The body of a webhook is larger than ingest accepts. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

export interface Replayer {
  /**
   * Processes a body as if it had arrived again, with its original request timestamp; durable once it resolves.
   * Resolves with the event id, or with null for a record of a person. Throws UnusableBodyError, BodyTooLargeError, and
   * UnknownWorkspaceError.
   */
  replay(letter: Letter, body: Buffer): Promise<string | null>;
}

export interface ReplayerOptions {
  definitions: Definitions;
  producer: Producer;
  registry: Registry;
  clock: Clock;
}

export async function createReplayer({ definitions, producer, registry, clock }: ReplayerOptions): Promise<Replayer> {
  const cartEvents = await registry.codec<CartEvent>(TOPICS.cartEvents);
  const personInputs = await registry.codec<PersonInput>(TOPICS.personInputs);

  const contextOf = (letter: Letter): LineContext => {
    const workspace = definitions.workspace(letter.workspace);
    if (!workspace) throw new UnknownWorkspaceError('no such workspace');
    return { workspace: workspace.id, receivedAtMs: clock.wallMs(), settings: settingsOf(workspace) };
  };

  return {
    async replay(letter, body) {
      checkSize(letter, body);
      const context = contextOf(letter);
      if (letter.source === 'people') {
        const input = usable(letter, parsePersonLine(body, context));
        const value = personInputs.encode(input);
        await producer.send({ topic: TOPICS.personInputs, key: input.workspace, value });
        return null;
      }
      const event = usable(letter, cartEventOf(definitions, letter, body, context));
      const key = cartKey(event.workspace, event.cart_id);
      await producer.send({ topic: TOPICS.cartEvents, key, value: cartEvents.encode(event) });
      return event.event_id;
    },
  };
}

/** Applies the size limit of the route by which the body first arrived. */
function checkSize(letter: Letter, { length }: Buffer): void {
  if (letter.subscription_id !== null) {
    if (length > MAX_WEBHOOK_BYTES) throw new BodyTooLargeError('the body of a webhook is larger than 256 KiB');
  } else if (length > MAX_LINE_BYTES) {
    usable(letter, new Unusable('line_too_long', '', `The line is longer than ${MAX_LINE_BYTES} bytes; shorten it.`));
  }
}

function cartEventOf(
  definitions: Definitions,
  letter: Letter,
  body: Buffer,
  context: LineContext,
): CartEvent | Unusable {
  if (letter.subscription_id === null) return parseLine(body, context);
  const subscription = definitions.subscription(letter.subscription_id);
  if (!subscription) {
    throw new UnusableBodyError(
      'the subscription of this webhook was deleted, so its body can no longer be interpreted',
      letter.dead_letter_id,
    );
  }
  return parseWebhook(body, {
    ...context,
    subscriptionId: subscription.id,
    kind: subscription.event,
    storeIds: subscription.store_ids,
    timeZone: subscription.time_zone,
    requestAtMs: letter.request_at,
  });
}

/** Throws UnusableBodyError for a body that cannot be used, with the same message as ingest. */
function usable<T>(letter: Letter, parsed: T | Unusable): T {
  if (!(parsed instanceof Unusable)) return parsed;
  throw new UnusableBodyError(parsed.message, letter.dead_letter_id, parsed.path);
}
