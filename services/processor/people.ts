import type { Outcome, PersonInput } from '../../schemas/types.ts';
import type { Codec } from '../../lib/avro/index.ts';
import { foldPersonInput } from '../../lib/people/index.ts';
import type { Topology } from '../../lib/streams/index.ts';
import { TOPICS } from '../../lib/topics.ts';

export interface PeopleCodecs {
  personInputs: Codec<PersonInput>;
  traitEvents: Codec<Outcome>;
}

/**
 * Who is who: carts' facts and records of people in, the product's outcome out. It has no deadlines. All
 * of a workspace is one partition, so that ids can be dealt in order.
 */
export function peopleTopology(codecs: PeopleCodecs): Topology<PersonInput> {
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
      for (const outcome of foldPersonInput(context.store, input, context)) {
        context.forward(TOPICS.traitEvents, outcome.workspace, codecs.traitEvents.encode(outcome));
      }
    },
  };
}
