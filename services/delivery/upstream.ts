import { CHAIN, StageWatcher, type Stage } from '../../lib/freshness/index.ts';
import type { WatcherOptions } from '../../lib/freshness/watcher.ts';
import type { Kafka } from '../../lib/kafka/index.ts';
import type { UpstreamStage } from './settler.ts';

export interface UpstreamOptions extends WatcherOptions {
  kafka: Pick<Kafka, 'describeGroup' | 'endOffsets'>;
}

/** The stages before flow-inputs. What the sink has stored does not matter to them. */
const STAGES: readonly Stage[] = CHAIN.filter(({ name }) => name === 'carts' || name === 'people');

/** For each partition of send-requests, the stages that the events of its workspaces pass before flow-inputs. */
export function upstreamStages(options: UpstreamOptions): (partition: number) => UpstreamStage[] {
  const watchers = STAGES.map((stage) => new StageWatcher(stage, options));
  return (partition) =>
    watchers.map((watcher) => {
      const { name, topic, byWorkspace } = watcher.stage;
      const partitions = byWorkspace ? [partition] : undefined;
      return {
        name,
        partitions,
        pass: async (signal) => {
          await watcher.pass(await options.kafka.endOffsets(topic), { signal, partitions });
        },
        ask: () => watcher.ask(),
      };
    });
}
