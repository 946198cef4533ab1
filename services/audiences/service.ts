import type { Registry as MetricsRegistry } from 'prom-client';
import { streamMetrics } from '../../lib/streams/metrics.ts';
import { PartitionGroup } from '../../lib/streams/partition-group.ts';
import { TOPICS } from '../../lib/topics.ts';
import { createAudienceMetrics } from './metrics.ts';
import { AudienceTask, STAGE, type TaskDeps } from './task.ts';

export interface AudiencesOptions<F extends { personId: number }> extends Omit<
  TaskDeps<F>,
  'metrics' | 'streamMetrics' | 'isConfirmed'
> {
  metrics: MetricsRegistry;
  /** Base URL of this process's health server. */
  healthUrl: string | null;
}

/** Keeps the live audiences of the partitions that the group gives to this process. The topics must exist. */
export function startAudiences<F extends { personId: number }>(options: AudiencesOptions<F>): PartitionGroup {
  const { kafka, logger, clock, healthUrl } = options;
  const deps: TaskDeps<F> = {
    ...options,
    metrics: createAudienceMetrics(options.metrics),
    streamMetrics: streamMetrics(options.metrics),
    isConfirmed: () => group.isConfirmed,
  };
  const group = new PartitionGroup({
    stage: STAGE,
    groupId: STAGE,
    topic: TOPICS.traitEvents,
    open: (partition, reader, events) => new AudienceTask(partition, deps, reader, events),
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
