import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What the sink counts. */
export const createSinkMetrics = (registry: Registry) => ({
  records: new Counter({
    name: 'sink_records_total',
    help: 'Records of a topic that are in ClickHouse and in the ledger',
    labelNames: ['topic'],
    registers: [registry],
  }),
  rows: new Counter({
    name: 'sink_rows_total',
    help: 'Rows inserted, repeats included',
    labelNames: ['table'],
    registers: [registry],
  }),
  blocks: new Counter({
    name: 'sink_blocks_total',
    help: 'Blocks written',
    labelNames: ['topic'],
    registers: [registry],
  }),
  failures: new Counter({
    name: 'sink_insert_failures_total',
    help: 'Inserts that ClickHouse did not take; each is tried again',
    labelNames: ['topic'],
    registers: [registry],
  }),
  insertSeconds: new Histogram({
    name: 'sink_insert_seconds',
    help: 'How long one insert took',
    labelNames: ['table'],
    buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    registers: [registry],
  }),
  lag: new Gauge({
    name: 'sink_lag_records',
    help: 'Offsets between what is in ClickHouse and the end of a partition, as last seen',
    labelNames: ['topic', 'partition'],
    registers: [registry],
  }),
  stopped: new Gauge({
    name: 'sink_partitions_stopped',
    help: 'Partitions that stand still and need somebody to look',
    labelNames: ['topic'],
    registers: [registry],
  }),
});

export type SinkMetrics = ReturnType<typeof createSinkMetrics>;
