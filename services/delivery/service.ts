import type { Registry as MetricsRegistry } from 'prom-client';
import { streamMetrics } from '../../lib/streams/metrics.ts';
import { PartitionGroup } from '../../lib/streams/partition-group.ts';
import { TOPICS } from '../../lib/topics.ts';
import { createDeliveryMetrics } from './metrics.ts';
import { STAGE } from './stage.ts';
import { DeliveryTask, type TaskDeps } from './task.ts';

export interface DeliveryOptions extends Omit<TaskDeps, 'metrics' | 'streamMetrics' | 'isConfirmed'> {
  metrics: MetricsRegistry;
  /** Base URL of this process's health server. */
  healthUrl: string | null;
}

/** Delivers the messages of the partitions that the group gives to this process. The topics must exist. */
export function startDelivery(options: DeliveryOptions): PartitionGroup {
  const { kafka, logger, clock, healthUrl } = options;
  const deps: TaskDeps = {
    ...options,
    metrics: createDeliveryMetrics(options.metrics),
    streamMetrics: streamMetrics(options.metrics),
    isConfirmed: () => group.isConfirmed,
  };
  const group = new PartitionGroup({
    stage: STAGE,
    groupId: STAGE,
    topic: TOPICS.sendRequests,
    open: (partition, reader, events) => new DeliveryTask(partition, deps, reader, events),
    // No record can make it fail for good, so none can be skipped.
    isSkipped: () => false,
    kafka,
    logger,
    metrics: deps.streamMetrics,
    healthUrl,
    clock,
  });
  return group;
}
