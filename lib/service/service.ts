import { NoAnswerError, within, type Clock } from '../clock/index.ts';
import type { COMMON, ConfigOf } from '../config/index.ts';
import { serve } from '../http/index.ts';
import {
  Progress,
  serveHealth,
  type Logger,
  type Metrics,
  type Moved,
  type StagePosition,
} from '../telemetry/index.ts';
import { announceHealth } from './supervisor.ts';

/** What a service reports about itself once it has started. */
export interface HealthReport {
  ready(): boolean;
  /** The progress of its stages in their topics. */
  positions?(): StagePosition[];
  /** From now on, calls `moved` whenever one of them has moved. */
  onMoved?(moved: Moved): void;
}

/** What a service is built with. `C` is its configuration. */
export interface Service<C extends ConfigOf<typeof COMMON> = ConfigOf<typeof COMMON>> {
  readonly name: string;
  readonly config: C;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Base URL of its health server, which answers from before the start until after the stop. */
  readonly healthUrl: string;
  /** False until `reportHealth`, and again from the beginning of the stop. */
  ready(): boolean;
  reportHealth(report: HealthReport): void;
  /**
   * Registers something to close when the service stops; what was registered last is closed first. After `limitMs`,
   * unlimited by default, it is abandoned: the process ends anyway.
   */
  onStop(what: string, close: () => Promise<void> | void, limitMs?: number): void;
  /** Serves an app over HTTP and reports the service as ready. */
  serveHttp(app: Parameters<typeof serve>[0], port: number, portVariable: string): Promise<void>;
}

interface Closer {
  what: string;
  close(): Promise<void> | void;
  limitMs: number;
}

export type ServiceParts<C> = Pick<Service, 'name' | 'logger' | 'metrics' | 'clock'> & { config: C };

/** A running service, from the start of its health server until everything is closed. */
export class RunningService<C extends ConfigOf<typeof COMMON>> implements Service<C> {
  readonly name: string;
  readonly config: C;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  healthUrl = '';
  private readonly closers: Closer[] = [];
  private health: HealthReport | undefined;
  private readonly progress: Progress;
  private stopping = false;

  private constructor({ name, config, logger, metrics, clock }: ServiceParts<C>) {
    this.name = name;
    this.config = config;
    this.logger = logger;
    this.metrics = metrics;
    this.clock = clock;
    this.progress = new Progress(() => this.health?.positions?.() ?? [], clock);
  }

  /** Serves the health endpoints, so that they answer while the service still waits for its engines. */
  static async open<C extends ConfigOf<typeof COMMON>>(parts: ServiceParts<C>): Promise<RunningService<C>> {
    const service = new RunningService(parts);
    const { config, logger, metrics } = parts;
    const server = await serveHealth({
      host: config.host,
      advertisedHost: config.advertisedHost,
      port: config.healthPort,
      logger,
      metrics,
      ready: service.ready,
      positions: () => service.health?.positions?.() ?? [],
      reach: (target) => service.progress.reach(target),
    });
    service.healthUrl = server.url;
    announceHealth(server.url);
    service.onStop('the health server', () => server.close());
    return service;
  }

  readonly ready = (): boolean => !this.stopping && (this.health?.ready() ?? false);

  readonly reportHealth = (report: HealthReport): void => {
    this.health = report;
    if (report.onMoved === undefined) return;
    report.onMoved(this.progress.moved);
    this.progress.announced();
  };

  readonly onStop = (what: string, close: () => Promise<void> | void, limitMs = Infinity): void => {
    this.closers.push({ what, close, limitMs });
  };

  readonly serveHttp: Service['serveHttp'] = async (app, port, portVariable) => {
    const { config, logger } = this;
    const http = await serve(app, { clock: this.clock, host: config.host, port, portVariable });
    this.onStop('HTTP', () => http.close());
    this.reportHealth({ ready: () => true });
    logger.info({ url: http.url }, 'listening for HTTP requests');
  };

  /** Closes everything, last first. Throws the first error, but only after everything else has been closed. */
  async stop(): Promise<void> {
    this.stopping = true;
    const errors: unknown[] = [];
    for (const { what, close, limitMs } of this.closers.reverse()) {
      try {
        await within(Promise.resolve(close()), limitMs, this.clock);
      } catch (error) {
        if (error instanceof NoAnswerError)
          this.logger.warn({ what, limitMs }, 'a resource did not close in time; stopping without waiting for it');
        else errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
