import { Counter, Gauge, Histogram } from 'prom-client';
import type { Metrics } from '../../lib/telemetry/index.ts';

/** The metrics of ingest; no label ever contains input. */
export interface IngestMetrics {
  /** By source, result (accepted; refused: not authenticated; rejected: a dead letter; failed: not stored) and reason. */
  deliveries: Counter<'source' | 'result' | 'reason'>;
  /** From the end of the request headers to the response, by route and status. */
  seconds: Histogram<'route' | 'status'>;
  /** Bytes of bulk bodies on the wire. */
  bulkBytes: Counter<'source'>;
  /** How long the oldest unprocessed record of each stage has been waiting, as last measured for an import. */
  importDelaySeconds: Gauge<'stage'>;
  /** Records per second that imports may send. */
  importWindow: Gauge;
  /** How long imports have waited for the stages behind them, all together. */
  importWaitSeconds: Counter;
}

export const ingestMetrics = (registry: Metrics): IngestMetrics => ({
  deliveries: new Counter({
    name: 'ingest_deliveries_total',
    help: 'Webhooks and lines by result.',
    labelNames: ['source', 'result', 'reason'],
    registers: [registry],
  }),
  seconds: new Histogram({
    name: 'ingest_request_seconds',
    help: 'Time from request to response.',
    labelNames: ['route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers: [registry],
  }),
  bulkBytes: new Counter({
    name: 'ingest_bulk_bytes_total',
    help: 'Bytes of bulk bodies on the wire.',
    labelNames: ['source'],
    registers: [registry],
  }),
  importDelaySeconds: new Gauge({
    name: 'ingest_import_delay_seconds',
    help: 'Waiting time of the oldest unprocessed record of a stage, as last measured for an import.',
    labelNames: ['stage'],
    registers: [registry],
  }),
  importWindow: new Gauge({
    name: 'ingest_import_window_records',
    help: 'Records of imports that may be in flight: sent, and not yet processed by the stages behind.',
    registers: [registry],
  }),
  importWaitSeconds: new Counter({
    name: 'ingest_import_wait_seconds_total',
    help: 'Time that imports have waited for the stages behind them.',
    registers: [registry],
  }),
});
