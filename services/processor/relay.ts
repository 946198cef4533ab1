import type { Codec } from '../../lib/avro/index.ts';
import type { CodePoolBody, FlowStateBody, LinkRulesBody, WorkspaceBody } from '../../lib/definitions/entities.ts';
import { acceptRecord, type EntityState } from '../../lib/definitions/fold.ts';
import { settingsOfFlows } from '../../lib/definitions/flow-settings.ts';
import { DEFAULT_RULES } from '../../lib/people/index.ts';
import type { Topology } from '../../lib/streams/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Definition, FlowCommand, FlowSettings, LinkRules, PersonInput } from '../../schemas/types.ts';

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
      const change = changeOf(record, { ...accepted, number: offset });
      if (change === undefined) return;
      const input: PersonInput = {
        workspace: record.workspace,
        log_time: logTimeMs,
        received_at: record.at,
        cart: null,
        record: null,
        erasure: null,
        link_rules: null,
        command: null,
        settings: null,
        code_pool: null,
        ...change,
      };
      forward(TOPICS.personInputs, record.workspace, codecs.personInputs.encode(input));
    },
  };
}

const stateOf = (bytes: Buffer | undefined): EntityState | undefined =>
  bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as EntityState);

const bytesOf = (state: EntityState): Buffer => Buffer.from(JSON.stringify(state), 'utf8');

interface Accepted {
  state: EntityState;
  /** Undefined after a deletion. */
  body: Record<string, unknown> | undefined;
  /** The record's offset. */
  number: number;
}

/** What distinguishes the input that forwards a change. */
type Change = Pick<PersonInput, 'kind'> & Partial<PersonInput>;

/** The input that forwards a change; undefined for a change that no fold needs. */
function changeOf(record: Definition, accepted: Accepted): Change | undefined {
  const { body, number } = accepted;
  switch (record.entity) {
    case 'link_rules':
      return { kind: 'link_rules', link_rules: linkRulesOf(body, number) };
    case 'workspace':
      return body && { kind: 'settings', settings: settingsOf(body as unknown as WorkspaceBody, number) };
    case 'flow_state':
      return body && commandOf(record.id, body as unknown as FlowStateBody, number);
    case 'code_pool': {
      const { name, first, count } = body as unknown as CodePoolBody;
      return { kind: 'code_pool', code_pool: { number, name, total: first + count } };
    }
    default:
      return undefined;
  }
}

/** What holds in a workspace that has no rules of its own: nobody is on its lists. */
const NO_RULES: LinkRulesBody = { limit: DEFAULT_RULES.limit, allow: [], deny: [] };

function linkRulesOf(body: Record<string, unknown> | undefined, number: number): LinkRules {
  const { limit, allow, deny } = (body ?? NO_RULES) as unknown as LinkRulesBody;
  return { limit, allow, deny, number };
}

const settingsOf = (body: WorkspaceBody, number: number): FlowSettings => ({ ...settingsOfFlows(body), number });

/** A flow that was never published is unknown to the log, and so are commands to it. */
function commandOf(flowId: string, { command, live_version }: FlowStateBody, number: number): Change | undefined {
  if (live_version === null) return undefined;
  const { what } = command;
  const plain: FlowCommand = {
    number,
    what,
    flow_id: flowId,
    version: live_version,
    definition: null,
    runs: 'finish',
    run_id: null,
  };
  if (what !== 'publish') return { kind: 'command', command: plain };
  return {
    kind: 'command',
    command: { ...plain, definition: JSON.stringify(command.flow), runs: command.runs },
    settings: { ...command.settings, number },
  };
}
