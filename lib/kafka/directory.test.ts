import type Cluster from 'kafkajs/src/cluster/index.js';
import { expect, it } from 'vitest';
import type { ControlCluster } from './cluster.ts';
import { LATEST, TopicDirectory } from './directory.ts';

/** A directory of a topic with two partitions on one broker, which reports these offsets. */
function directoryOf(reported: { partition: number; offset: string }[]): TopicDirectory {
  const cluster = {
    addMultipleTargetTopics: () => Promise.resolve(),
    findTopicPartitionMetadata: () => [0, 1].map((partitionId) => ({ partitionId, leader: 1 })),
    findBroker: () =>
      Promise.resolve({ listOffsets: () => Promise.resolve({ responses: [{ partitions: reported }] }) }),
  } as unknown as Cluster;
  const ask = <T>(_: string, request: (cluster: Cluster) => Promise<T>): Promise<T> => request(cluster);
  return new TopicDirectory({ ask } as ControlCluster, '');
}

it('reports the offset of each partition', async () => {
  const directory = directoryOf([
    { partition: 1, offset: '7' },
    { partition: 0, offset: '5' },
  ]);
  expect(await directory.offsetsAt('things', LATEST)).toEqual([5, 7]);
});

it('fails for a partition without an offset, instead of taking its end for 0', async () => {
  await expect(directoryOf([{ partition: 0, offset: '5' }]).offsetsAt('things', LATEST)).rejects.toThrow('partition 1');
});
