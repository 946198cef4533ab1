import { Counter, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../../lib/clock/index.ts';

/** The metrics of live audiences. */
export const createAudienceMetrics = (registry: Registry) => ({
  changes: new Counter({
    name: 'audiences_changes_total',
    help: 'People who entered or left an audience, by cause',
    labelNames: ['change', 'cause'],
    registers: [registry],
  }),
  evaluated: new Counter({
    name: 'audiences_people_evaluated_total',
    help: 'Evaluations of a person by the live audiences of the workspace',
    registers: [registry],
  }),
  read: new Counter({
    name: 'audiences_people_read_total',
    help: 'People who were asked of ClickHouse for an evaluation',
    registers: [registry],
  }),
  /** Committing is `streams_transaction_seconds`. */
  phaseSeconds: new Histogram({
    name: 'audiences_phase_seconds',
    help: 'Time of one step: waiting until ClickHouse has what has arrived, one question about people, one round of evaluation with its commits',
    labelNames: ['phase'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  }),
  builds: new Counter({
    name: 'audiences_builds_total',
    help: 'Evaluations of a whole workspace because of new definitions',
    registers: [registry],
  }),
  failures: new Counter({
    name: 'audiences_read_failures_total',
    help: 'Questions to ClickHouse that failed; each is retried',
    registers: [registry],
  }),
});

export type AudienceMetrics = ReturnType<typeof createAudienceMetrics>;

/** Observes how long some work takes that succeeds. */
export async function timed<T>(
  { clock, metrics }: { clock: Clock; metrics: AudienceMetrics },
  phase: 'waiting' | 'reading' | 'round',
  work: () => Promise<T>,
): Promise<T> {
  const startedAtMs = clock.elapsedMs();
  const result = await work();
  metrics.phaseSeconds.observe({ phase }, (clock.elapsedMs() - startedAtMs) / 1_000);
  return result;
}
