import { collectDefaultMetrics, Registry } from 'prom-client';

export type Metrics = Registry;

/** The metrics registry of a process, with the metrics of the process itself (memory, CPU, event loop). */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 50 });
  return registry;
}
