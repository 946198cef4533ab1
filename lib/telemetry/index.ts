export { createLogger, type Logger } from './logger.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { serveHealth, type HealthOptions, type HealthServer } from './health.ts';
export {
  FAILING_PARTS,
  STAGE_STATES,
  STOP_REASONS,
  type FailingPart,
  type StagePosition,
  type StageState,
  type StopReason,
} from './positions.ts';
export { Progress, targetQuery, type Moved, type Target } from './progress.ts';
export { redact, scrubText } from './redact.ts';
