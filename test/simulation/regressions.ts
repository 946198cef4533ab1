import { TASK_LIMITS } from '../../lib/streams/limits.ts';
import type { Plan } from './faults.ts';

/** Plans in which the simulation found a fault of the product, each with the faults that it took alone. */
export const REGRESSIONS: Record<string, Plan> = {
  'a sink whose insert failed and that lost its partitions becomes ready again': {
    ...{ seed: 110, partitions: 2, outputPartitions: 1, runtimes: 1, sinks: 2, keys: 11 },
    ...{ faultsEndMs: 25_685, skewsMs: [-1_113, 697, 1_170], feedPauseMs: 60, limits: TASK_LIMITS },
    faults: [
      { atMs: 4_501, kind: 'freeze at', request: 'commit offsets', forMs: 7_500 },
      { atMs: 5_033, kind: 'partial insert' },
      { atMs: 8_393, kind: 'cut off', process: 2, from: 'all', forMs: 7_500 },
      { atMs: 13_028, kind: 'freeze at', request: 'insert', forMs: 12_000 },
    ],
  },
  'retention that takes the last handled record while a task opens is not another log': {
    ...{ seed: 48, partitions: 2, outputPartitions: 2, runtimes: 3, sinks: 2, keys: 2 },
    ...{ faultsEndMs: 11_266, skewsMs: [759, 0, -1_784, 74, 0], feedPauseMs: 60, limits: TASK_LIMITS },
    faults: [
      { atMs: 3_167, kind: 'stop', process: 2, forMs: 2_000 },
      { atMs: 3_247, kind: 'cut off', process: 1, from: 'group', forMs: 7_500 },
      {
        ...{ atMs: 5_067, kind: 'request', request: 'committed offsets', process: 2 },
        fault: { kind: 'delay reply', ms: 1_500 },
      },
      { atMs: 10_258, kind: 'retention' },
    ],
  },
};
