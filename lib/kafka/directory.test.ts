import type Cluster from 'kafkajs/src/cluster/index.js';
import { expect, it } from 'vitest';
import type { ControlCluster } from './cluster.ts';
import { LATEST, TopicDirectory } from './directory.ts';

/** A directory of a topic with two partitions, led by these brokers; broker 1 reports these offsets, the others none. */
function directoryOf(reported: { partition: number; offset: string }[], leaders = [1, 1]): TopicDirectory {
  const cluster = {
    addMultipleTargetTopics: () => Promise.resolve(),
    findTopicPartitionMetadata: () => leaders.map((leader, partitionId) => ({ partitionId, leader })),
    findBroker: ({ nodeId }: { nodeId: number }) =>
      nodeId === 1
        ? Promise.resolve({ listOffsets: () => Promise.resolve({ responses: [{ partitions: reported }] }) })
        : Promise.reject(new Error('no such broker')),
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

it('reports the last stable offset as the end of a partition, if only that is wanted', async () => {
  const byLevel = [
    { partition: 0, offset: '9' },
    { partition: 0, offset: '4' },
  ];
  const cluster = {
    addMultipleTargetTopics: () => Promise.resolve(),
    findTopicPartitionMetadata: () => [{ partitionId: 0, leader: 1 }],
    findBroker: () =>
      Promise.resolve({
        listOffsets: ({ isolationLevel }: { isolationLevel: number }) =>
          Promise.resolve({ responses: [{ partitions: [byLevel[isolationLevel]] }] }),
      }),
  } as unknown as Cluster;
  const ask = <T>(_: string, request: (cluster: Cluster) => Promise<T>): Promise<T> => request(cluster);
  const directory = new TopicDirectory({ ask } as ControlCluster, '');
  expect(await directory.endOf('things', 0)).toBe(9);
  expect(await directory.endOf('things', 0, 'read_committed')).toBe(4);
});

it('reports the range of a partition while another one has no leader', async () => {
  const directory = directoryOf([{ partition: 1, offset: '7' }], [-1, 1]);
  expect(await directory.rangeOf('things', 1)).toEqual({ beginning: 7, end: 7 });
  await expect(directory.rangeOf('things', 0)).rejects.toThrow('no such broker');
  await expect(directory.offsetsAt('things', LATEST)).rejects.toThrow('no such broker');
});
