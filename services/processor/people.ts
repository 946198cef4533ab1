import type { Outcome, PersonInput } from '../../schemas/types.ts';
import type { Codec } from '../../lib/avro/index.ts';
import { foldPersonInput, newScratch } from '../../lib/people/index.ts';
import type { Topology } from '../../lib/streams/index.ts';
import { TOPICS } from '../../lib/topics.ts';

export interface PeopleCodecs {
  personInputs: Codec<PersonInput>;
  traitEvents: Codec<Outcome>;
}

/**
 * Decides who is who: reads updates of carts, records of people, erasures and link rules, and emits outcomes. It has no
 * deadlines. A workspace is in one partition, so that its ids are assigned in order.
 */
export function peopleTopology(codecs: PeopleCodecs): Topology<PersonInput> {
  const scratch = newScratch();
  return {
    name: 'people',
    input: {
      topic: TOPICS.personInputs,
      decode: (value) => codecs.personInputs.decode(value),
      clock: ({ log_time, received_at }) =>
        log_time === null ? { producerClockMs: received_at } : { causeMs: log_time },
    },
    outputs: [TOPICS.traitEvents],
    state: { dueOf: () => undefined },
    process({ value: input }, context) {
      for (const outcome of foldPersonInput(context.store, input, context, { scratch })) {
        context.forward(TOPICS.traitEvents, outcome.workspace, codecs.traitEvents.encode(outcome));
      }
    },
  };
}
