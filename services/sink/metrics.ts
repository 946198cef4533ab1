import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** The metrics of the sink. */
export const createSinkMetrics = (registry: Registry) => ({
  records: new Counter({
    name: 'sink_records_total',
    help: 'Records of a topic that are in ClickHouse and in the ledger',
    labelNames: ['topic'],
    registers: [registry],
  }),
  rows: new Counter({
    name: 'sink_rows_total',
    help: 'Rows inserted, including repeats',
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
    help: 'Requests to ClickHouse that failed; each is retried',
    labelNames: ['topic'],
    registers: [registry],
  }),
  insertSeconds: new Histogram({
    name: 'sink_insert_seconds',
    help: 'Duration of one insert',
    labelNames: ['table'],
    buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    registers: [registry],
  }),
  lag: new Gauge({
    name: 'sink_lag_records',
    help: 'Offsets between the end of what is in ClickHouse and the end of the partition',
    labelNames: ['topic', 'partition'],
    registers: [registry],
  }),
  stopped: new Gauge({
    name: 'sink_partitions_stopped',
    help: 'Partitions that are stopped and need an operator',
    labelNames: ['topic'],
    registers: [registry],
  }),
});

export type SinkMetrics = ReturnType<typeof createSinkMetrics>;
