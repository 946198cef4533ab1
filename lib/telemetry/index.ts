export { createLogger, type Logger } from './logger.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { serveHealth, type HealthOptions, type HealthServer } from './health.ts';
export { STAGE_STATES, type StagePosition, type StageState } from './positions.ts';
export { redact, scrubText } from './redact.ts';
