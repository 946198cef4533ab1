import type { Codec } from '../../lib/avro/index.ts';
import { acceptRecord, type EntityState } from '../../lib/definitions/fold.ts';
import type { LinkRulesBody } from '../../lib/definitions/entities.ts';
import { DEFAULT_RULES } from '../../lib/people/index.ts';
import type { Topology } from '../../lib/streams/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Definition, LinkRules, PersonInput } from '../../schemas/types.ts';

export interface RelayCodecs {
  definitions: Codec<Definition>;
  personInputs: Codec<PersonInput>;
}

/**
 * The one way of definitions into the log of people: everything that a fold needs of them is a record of its input.
 * Each change that the relay forwards carries its offset in `definitions` as its number, so that a rebuild of the relay
 * repeats numbers that people has already taken. The state holds the version of each entity, with the key `entity:id`.
 */
export function relayTopology(codecs: RelayCodecs): Topology<Definition> {
  return {
    name: 'relay',
    input: {
      topic: TOPICS.definitions,
      decode: (value) => codecs.definitions.decode(value),
      clock: ({ at }) => ({ producerClockMs: at }),
    },
    outputs: [TOPICS.personInputs],
    state: { dueOf: () => undefined },
    process({ value: record, offset }, { store, forward, logTimeMs }) {
      const key = `${record.entity}:${record.id}`;
      const accepted = acceptRecord(stateOf(store.get(key)), record);
      // The loser of two concurrent writes; its writer got a conflict.
      if (accepted === undefined) return;
      store.put(key, bytesOf(accepted.state));
      if (record.entity !== 'link_rules') return;
      const input: PersonInput = {
        kind: 'link_rules',
        workspace: record.workspace,
        log_time: logTimeMs,
        received_at: record.at,
        cart: null,
        record: null,
        erasure: null,
        link_rules: linkRulesOf(accepted.body, offset),
      };
      forward(TOPICS.personInputs, record.workspace, codecs.personInputs.encode(input));
    },
  };
}

const stateOf = (bytes: Buffer | undefined): EntityState | undefined =>
  bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as EntityState);

const bytesOf = (state: EntityState): Buffer => Buffer.from(JSON.stringify(state), 'utf8');

/** What holds in a workspace that has no rules of its own: nobody is on its lists. */
const NO_RULES: LinkRulesBody = { limit: DEFAULT_RULES.limit, allow: [], deny: [] };

function linkRulesOf(body: Record<string, unknown> | undefined, number: number): LinkRules {
  const { limit, allow, deny } = (body ?? NO_RULES) as unknown as LinkRulesBody;
  return { limit, allow, deny, number };
}
