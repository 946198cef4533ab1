import type { FlowInput, Outcome, PersonInput } from '../../schemas/types.ts';
import type { Codec } from '../../lib/avro/index.ts';
import { continueWithFlows, foldWithFlows, isWorkKey, newScratch, type Folded } from '../../lib/people/index.ts';
import type { Context, Topology } from '../../lib/streams/index.ts';
import { TOPICS } from '../../lib/topics.ts';

export interface PeopleCodecs {
  personInputs: Codec<PersonInput>;
  traitEvents: Codec<Outcome>;
  flowInputs: Codec<FlowInput>;
}

/** Due before the next record: see `Topology.onDue`. */
const AT_ONCE = -1;

/**
 * Decides who is who: reads updates of carts, records of people, erasures and link rules, and emits outcomes. For workspaces
 * with flows it also emits what flows read, in the same transaction and order, and passes commands on. It has no deadlines,
 * but work in several steps. A workspace is in one partition, so that its ids are assigned in order.
 */
export function peopleTopology(codecs: PeopleCodecs): Topology<PersonInput> {
  const scratch = newScratch();
  const forwardAll = ({ outcomes, flowInputs }: Folded, { forward }: Context): void => {
    for (const outcome of outcomes) forward(TOPICS.traitEvents, outcome.workspace, codecs.traitEvents.encode(outcome));
    for (const input of flowInputs) forward(TOPICS.flowInputs, input.workspace, codecs.flowInputs.encode(input));
  };
  return {
    name: 'people',
    input: {
      topic: TOPICS.personInputs,
      decode: (value) => codecs.personInputs.decode(value),
      clock: ({ log_time, received_at }) =>
        log_time === null ? { producerClockMs: received_at } : { causeMs: log_time },
    },
    outputs: [TOPICS.traitEvents, TOPICS.flowInputs],
    state: { dueOf: (_, key) => (isWorkKey(key) ? AT_ONCE : undefined) },
    process({ value: input }, context) {
      forwardAll(foldWithFlows(context.store, input, context, { scratch }), context);
    },
    onDue(key, context) {
      forwardAll(continueWithFlows(context.store, key, context, { scratch }), context);
    },
  };
}
