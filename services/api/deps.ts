import type { RegistryAuth } from '../../lib/avro/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { Definitions } from '../../lib/definitions/index.ts';
import type { App } from '../../lib/http/index.ts';
import type { Kafka } from '../../lib/kafka/index.ts';
import type { Renderer } from '../../lib/rendering/index.ts';
import type { Logger } from '../../lib/telemetry/index.ts';
import type { BacktestThreads } from './backtest-threads.ts';
import type { ActivityReader } from './activity.ts';
import type { AudienceSizes } from './audience-sizes.ts';
import type { Canceller } from './canceller.ts';
import type { Database } from './database.ts';
import type { Freshness, StageWatcher } from '../../lib/freshness/index.ts';
import type { Eraser } from './eraser.ts';
import type { Publishing } from './publishing.ts';
import type { Replayer } from './replayer.ts';

/** Dependencies of the routes; main.ts creates them. */
export interface ApiDeps {
  definitions: Definitions;
  database: Database;
  kafka: Pick<Kafka, 'endOffsets' | 'beginningOffsets'>;
  freshness: Freshness;
  /** Positions of the topology relay, for the status. */
  relay: StageWatcher;
  /** Positions of the stages of flows, for the status. */
  flows: readonly StageWatcher[];
  /** Freshness of live audiences, for the status. Counts do not depend on it. */
  audiences: Freshness;
  replayer: Replayer;
  eraser: Eraser;
  activity: ActivityReader;
  /** Sizes of live audiences. */
  sizes: AudienceSizes;
  /** Renders messages of flows in a thread of its own. */
  renderer: Pick<Renderer, 'render'>;
  /** Play back-tests of flows. */
  backtests: BacktestThreads;
  /** Ends runs of flows by hand. */
  canceller: Canceller;
  /** Which published flows have reached the log of flows. */
  publishing: Publishing;
  logger: Logger;
  adminKey: string;
  /** Encrypts signing secrets. */
  secretKey: Buffer;
  /** LOG_RETENTION_DAYS: no flow may wait longer. */
  logRetentionDays: number;
  /** Public base URL of ingest, used in the URLs of subscriptions. */
  ingestUrl: string;
  /** Base URL at which this process reaches ingest. */
  ingestInternalUrl: string;
  registryUrl: string;
  registryAuth: RegistryAuth | undefined;
  /** Base URL of /healthz, /readyz and /metrics of this process. */
  healthUrl: string;
  /** Directory of the built console. */
  consoleDir: string;
  clock: Clock;
}

/** Adds a group of routes to the app. */
export type Routes = (app: App, deps: ApiDeps) => void;
