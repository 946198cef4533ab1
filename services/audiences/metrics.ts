import { Counter, type Registry } from 'prom-client';

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
