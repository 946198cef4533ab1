import type { Registry } from '../../lib/avro/index.ts';
import { KafkaUnavailableError } from '../../lib/kafka/index.ts';
import type { TopicSpec } from '../../lib/kafka/types.ts';
import { runTopology, type RunningTopology, type RunOptions, type Topology } from '../../lib/streams/index.ts';
import { TOPICS, type TopicName } from '../../lib/topics.ts';
import type {
  CartEvent,
  DeadLetter,
  Definition,
  FlowEvent,
  FlowInput,
  Outcome,
  PersonInput,
  SendRequest,
} from '../../schemas/types.ts';
import { cartsTopology, type CartsOptions } from './carts.ts';
import type { TopologyName } from './config.ts';
import { withCartDeadLetters, withFlowDeadLetters, withPersonDeadLetters } from './dead-letters.ts';
import { flowsTopology } from './flows.ts';
import { peopleTopology } from './people.ts';
import { relayTopology } from './relay.ts';

export interface StartOptions extends CartsOptions {
  /** Which of them this process runs. */
  names: readonly TopologyName[];
  specs: Record<TopicName, TopicSpec>;
  registry: Registry;
  tools: Omit<RunOptions<never>, 'topology'>;
}

/** Makes the topics that are missing and runs the topologies. */
export async function startTopologies(options: StartOptions): Promise<RunningTopology[]> {
  const { names, specs, registry, tools } = options;
  const running: RunningTopology[] = [];
  // One after the other: of two that would register the same schema at once, one would wait for nothing.
  for (const name of names) {
    if (name === 'carts') running.push(await run(specs, tools, await carts(registry, options)));
    else if (name === 'people') running.push(await run(specs, tools, await people(registry)));
    else if (name === 'flows') running.push(await run(specs, tools, await flows(registry, options)));
    else running.push(await run(specs, tools, await relay(registry)));
  }
  return running;
}

/** How long a start waits for Kafka. After that it fails, and the supervisor restarts the process. */
const BOOT_TIMEOUT_MS = 15_000;
const BOOT_PAUSE_MS = 500;

async function run<I>(
  specs: Record<TopicName, TopicSpec>,
  tools: StartOptions['tools'],
  topology: Topology<I>,
): Promise<RunningTopology> {
  const topics = [topology.input.topic, ...topology.outputs].map((topic) => specs[topic]);
  const deadlineMs = tools.clock.elapsedMs() + BOOT_TIMEOUT_MS;
  for (;;) {
    try {
      await tools.kafka.ensureTopics(topics);
      return await runTopology({ ...tools, topology });
    } catch (error) {
      // Nothing runs yet when this is thrown; the next attempt finds everything that was created so far.
      if (!(error instanceof KafkaUnavailableError) || tools.clock.elapsedMs() > deadlineMs) throw error;
      tools.logger.warn({ topology: topology.name, err: error.message }, 'waiting for Kafka');
      await tools.clock.sleep(BOOT_PAUSE_MS);
    }
  }
}

async function carts(registry: Registry, options: CartsOptions): Promise<Topology<CartEvent>> {
  const codecs = {
    cartEvents: await registry.codec<CartEvent>(TOPICS.cartEvents),
    personInputs: await registry.codec<PersonInput>(TOPICS.personInputs),
    deadLetters: await registry.codec<DeadLetter>(TOPICS.deadLetters),
  };
  return withCartDeadLetters(cartsTopology(codecs, options), codecs.deadLetters);
}

async function people(registry: Registry): Promise<Topology<PersonInput>> {
  const topology = peopleTopology({
    personInputs: await registry.codec<PersonInput>(TOPICS.personInputs),
    traitEvents: await registry.codec<Outcome>(TOPICS.traitEvents),
    flowInputs: await registry.codec<FlowInput>(TOPICS.flowInputs),
  });
  return withPersonDeadLetters(topology, await registry.codec<DeadLetter>(TOPICS.deadLetters));
}

async function flows(registry: Registry, options: CartsOptions): Promise<Topology<FlowInput>> {
  const codecs = {
    flowInputs: await registry.codec<FlowInput>(TOPICS.flowInputs),
    flowEvents: await registry.codec<FlowEvent>(TOPICS.flowEvents),
    sendRequests: await registry.codec<SendRequest>(TOPICS.sendRequests),
  };
  return withFlowDeadLetters(flowsTopology(codecs, options), await registry.codec<DeadLetter>(TOPICS.deadLetters));
}

async function relay(registry: Registry): Promise<Topology<Definition>> {
  return relayTopology({
    definitions: await registry.codec<Definition>(TOPICS.definitions),
    personInputs: await registry.codec<PersonInput>(TOPICS.personInputs),
  });
}
