import type { Registry } from '../../lib/avro/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { Producer } from '../../lib/kafka/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { PersonInput } from '../../schemas/types.ts';

export interface Canceller {
  /** Resolves once the command is in the log. A run that has ended by then stays as it is. */
  cancel(workspace: string, run: { flowId: string; runId: string }): Promise<void>;
}

export interface CancellerOptions {
  registry: Registry;
  producer: Producer;
  clock: Clock;
}

/** Ends runs by hand. What is ended is no definition: the command goes into the log of people directly. */
export async function createCanceller({ registry, producer, clock }: CancellerOptions): Promise<Canceller> {
  const codec = await registry.codec<PersonInput>(TOPICS.personInputs);
  return {
    async cancel(workspace, { flowId, runId }) {
      const input: PersonInput = {
        kind: 'command',
        workspace,
        log_time: null,
        received_at: clock.wallMs(),
        cart: null,
        record: null,
        erasure: null,
        link_rules: null,
        command: {
          number: -1,
          what: 'cancel',
          flow_id: flowId,
          version: 0,
          definition: null,
          runs: 'finish',
          run_id: runId,
        },
        settings: null,
        code_pool: null,
      };
      await producer.send({ topic: TOPICS.personInputs, key: workspace, value: codec.encode(input) });
    },
  };
}
