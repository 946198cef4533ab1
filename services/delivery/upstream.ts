import { CHAIN, StageWatcher, type Stage } from '../../lib/freshness/index.ts';
import type { WatcherOptions } from '../../lib/freshness/watcher.ts';
import type { Kafka } from '../../lib/kafka/index.ts';
import type { UpstreamStage } from './settler.ts';

export interface UpstreamOptions extends WatcherOptions {
  kafka: Pick<Kafka, 'describeGroup' | 'endOffsets' | 'endOf'>;
}

/** The stages before flow-inputs. What the sink has stored does not matter to them. */
const STAGES: readonly Stage[] = CHAIN.filter(({ name }) => name === 'carts' || name === 'people');

/** For each partition of send-requests, the stages that the events of its workspaces pass before flow-inputs. */
export function upstreamStages(options: UpstreamOptions): (partition: number) => UpstreamStage[] {
  const watchers = STAGES.map((stage) => new StageWatcher(stage, options));
  return (partition) =>
    watchers.map((watcher) => {
      const { name, topic, byWorkspace } = watcher.stage;
      const { kafka } = options;
      return {
        name,
        partitions: byWorkspace ? [partition] : undefined,
        pass: async (signal) => {
          if (byWorkspace) await watcher.passOffset(partition, await kafka.endOf(topic, partition), signal);
          else await watcher.pass(await kafka.endOffsets(topic), { signal });
        },
        ask: () => watcher.ask(),
      };
    });
}
