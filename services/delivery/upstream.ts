import { CHAIN, StageWatcher, type Stage } from '../../lib/freshness/index.ts';
import type { WatcherOptions } from '../../lib/freshness/watcher.ts';
import type { Kafka } from '../../lib/kafka/index.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';
import type { UpstreamStage } from './settler.ts';

export interface UpstreamOptions extends WatcherOptions {
  kafka: Pick<Kafka, 'describeGroup' | 'endOffsets'>;
}

/** The stages before flow-inputs. What the sink has stored does not matter to them. */
const STAGES: readonly Stage[] = CHAIN.filter(({ name }) => name === 'carts' || name === 'people');

/** For each partition of send-requests, the stages that the events of its workspaces pass before flow-inputs. */
export function upstreamStages(options: UpstreamOptions): (partition: number) => UpstreamStage[] {
  const positionsOf = onceAtATime(options.positionsOf);
  const watchers = STAGES.map((stage) => new StageWatcher(stage, { ...options, positionsOf }));
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

/** Mostly one process has both stages: it is asked once at a time. An older answer proves as much: positions only grow. */
function onceAtATime(positionsOf: WatcherOptions['positionsOf']): WatcherOptions['positionsOf'] {
  const asking = new Map<string, Promise<StagePosition[]>>();
  return (url) => {
    let answer = asking.get(url);
    if (answer === undefined) {
      answer = positionsOf(url).finally(() => asking.delete(url));
      asking.set(url, answer);
    }
    return answer;
  };
}
