import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The runtime's metrics. Without a registry nobody can read them. */
export interface StreamMetrics {
  records: Counter;
  transactions: Counter;
  transactionSeconds: Histogram;
  failures: Counter<'topology' | 'reason'>;
  skipped: Counter;
  ticks: Counter;
  restored: Counter;
  recoveries: Counter;
  stopped: Gauge<'topology' | 'partition'>;
  entries: Gauge<'topology' | 'partition'>;
}

const byRegistry = new WeakMap<Registry, StreamMetrics>();

/** One set per registry, shared by all topologies of a process. */
export function streamMetrics(registry: Registry = new Registry()): StreamMetrics {
  const known = byRegistry.get(registry);
  if (known !== undefined) return known;
  const registers = [registry];
  const counter = (name: string, help: string): Counter =>
    new Counter({ name: `streams_${name}`, help, labelNames: ['topology'], registers });
  const metrics: StreamMetrics = {
    records: counter('records_total', 'Input records handled'),
    transactions: counter('transactions_total', 'Transactions committed'),
    transactionSeconds: new Histogram({
      name: 'streams_transaction_seconds',
      help: 'Time to commit a transaction',
      labelNames: ['topology'],
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    failures: new Counter({
      name: 'streams_task_failures_total',
      help: 'Tasks closed by an error, by reason',
      labelNames: ['topology', 'reason'],
      registers,
    }),
    skipped: counter(
      'skipped_records_total',
      'Input records that could not be read, and records and state entries that an operator skipped',
    ),
    ticks: counter('ticks_total', 'Ticks appended to the input'),
    restored: counter('restored_entries_total', 'Changelog entries read back'),
    recoveries: counter(
      'transaction_recoveries_total',
      'Transactions that failed and whose task continued with its state',
    ),
    stopped: new Gauge({
      name: 'streams_task_stopped',
      help: '1 while a partition is stopped: a clock is wrong, the log is unreadable or was replaced, or a record fails every time',
      labelNames: ['topology', 'partition'],
      registers,
    }),
    entries: new Gauge({
      name: 'streams_state_entries',
      help: 'Entries of state',
      labelNames: ['topology', 'partition'],
      registers,
    }),
  };
  byRegistry.set(registry, metrics);
  return metrics;
}
