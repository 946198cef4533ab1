import type { RegistryAuth } from '../../lib/avro/index.ts';
import type { Definitions } from '../../lib/definitions/index.ts';
import type { App } from '../../lib/http/index.ts';
import type { Kafka } from '../../lib/kafka/index.ts';
import type { Logger } from '../../lib/telemetry/index.ts';
import type { ActivityReader } from './activity.ts';
import type { Database } from './database.ts';
import type { Freshness } from '../../lib/freshness/index.ts';
import type { Replayer } from './replayer.ts';

/** What the routes work with; only main.ts makes the real ones. */
export interface ApiDeps {
  definitions: Definitions;
  database: Database;
  kafka: Pick<Kafka, 'endOffsets' | 'beginningOffsets'>;
  freshness: Freshness;
  replayer: Replayer;
  activity: ActivityReader;
  logger: Logger;
  adminKey: string;
  /** Encrypts signing secrets. */
  secretKey: Buffer;
  /** Public address of ingest, which the URLs of subscriptions begin with. */
  ingestUrl: string;
  /** Where this process asks ingest. */
  ingestInternalUrl: string;
  registryUrl: string;
  registryAuth: RegistryAuth | undefined;
  /** Where this process answers /healthz, /readyz and /metrics. */
  healthUrl: string;
  /** Folder of the built console. */
  consoleDir: string;
  now: () => number;
}

/** Adds a group of routes to the app. */
export type Routes = (app: App, deps: ApiDeps) => void;
