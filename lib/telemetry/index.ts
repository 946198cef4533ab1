export { createLogger, type Logger } from './logger.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { serveHealth, type HealthOptions, type HealthServer } from './health.ts';
export type { StagePosition } from './positions.ts';
export { redact, scrubText } from './redact.ts';
