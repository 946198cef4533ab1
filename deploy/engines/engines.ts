/** The three engines of an installation: starts, supervises and stops them in the right order. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { prepareClickHouse } from './clickhouse.ts';
import { findJava, installEngines, SetupError } from './install.ts';
import { prepareKafka, type Command } from './kafka.ts';
import { answers, portAnswers, requireFreePorts } from './ports.ts';
import { BOOTSTRAPPED, ensureRegistryTopics, registryCommand } from './registry.ts';
import { SupervisedChild } from './supervise.ts';

export interface EnginesOptions {
  /** Folder of the project, which contains deploy/engines and node_modules. */
  root: string;
  dataDir: string;
  runDir: string;
  /** The bundle of clickhouse-server.ts. */
  clickHouseScript: string;
  /** An engine that is undefined here runs elsewhere, at its configured address. */
  kafka?: { port: number; controllerPort: number };
  registry?: { port: number };
  clickHouse?: { httpPort: number; tcpPort: number; user: string; password: string };
  kafkaBrokers: string[];
  /** Messages for the operator. */
  say: (message: string) => void;
}

const START_TIMEOUT_MS = 120_000;

export class Engines {
  private readonly children: SupervisedChild[] = [];
  private registryReady = false;
  private stopping = false;
  private readonly options: EnginesOptions;

  constructor(options: EnginesOptions) {
    this.options = { ...options, dataDir: resolve(options.dataDir) };
  }

  /** The ports that the engines listen on, by the variable that sets each. */
  ports(): Record<string, number> {
    const { kafka, registry, clickHouse } = this.options;
    return {
      ...(kafka && { KAFKA_PORT: kafka.port, KAFKA_CONTROLLER_PORT: kafka.controllerPort }),
      ...(registry && { REGISTRY_PORT: registry.port }),
      ...(clickHouse && { CLICKHOUSE_HTTP_PORT: clickHouse.httpPort, CLICKHOUSE_TCP_PORT: clickHouse.tcpPort }),
    };
  }

  /** Starts all engines; resolves when each answers. Throws SetupError. */
  async start(): Promise<void> {
    const { kafka, registry, clickHouse } = this.options;
    await requireFreePorts(this.ports());
    this.unlessStopping();
    const clickHouseUp = clickHouse ? this.startClickHouse() : Promise.resolve();
    const java = kafka || registry ? this.startJava() : Promise.resolve();
    await Promise.all([clickHouseUp, java]);
  }

  private async startJava(): Promise<void> {
    const { kafka, registry, kafkaBrokers, dataDir, root, say } = this.options;
    const java = findJava();
    const enginesDir = join(root, 'deploy', 'engines');
    const installed = await installEngines(enginesDir, say);
    this.unlessStopping();
    if (kafka) {
      const log4j = join(enginesDir, 'log4j2.xml');
      const command = prepareKafka({ dataDir, ...kafka }, { java, jars: installed.kafka, log4j });
      const child = this.child('kafka', command, 30_000);
      await this.until(child, 'Kafka', async () => portAnswers(kafka.port));
      say(`engines: Kafka is listening on port ${kafka.port}`);
    }
    if (registry) {
      this.unlessStopping();
      await ensureRegistryTopics(kafkaBrokers, START_TIMEOUT_MS);
      const tmpDir = join(dataDir, 'registry');
      mkdirSync(tmpDir, { recursive: true });
      const command = registryCommand({
        java,
        folder: installed.registry,
        port: registry.port,
        brokers: kafkaBrokers,
        tmpDir,
      });
      const child = this.child('registry', command, 10_000, (line) => {
        if (line.includes(BOOTSTRAPPED)) this.registryReady = true;
      });
      await this.until(child, 'the schema registry', async () => {
        return this.registryReady && (await answers(`http://127.0.0.1:${registry.port}/apis/ccompat/v7/subjects`));
      });
      say(`engines: the schema registry is listening on port ${registry.port}`);
    }
  }

  private async startClickHouse(): Promise<void> {
    const { clickHouse, dataDir, root, clickHouseScript, say } = this.options;
    if (!clickHouse) return;
    const command = prepareClickHouse({ dataDir, ...clickHouse }, root, clickHouseScript);
    const child = this.child('clickhouse', command, 10_000);
    await this.until(child, 'ClickHouse', () => answers(`http://127.0.0.1:${clickHouse.httpPort}/ping`));
    say(`engines: ClickHouse is listening on port ${clickHouse.httpPort}`);
  }

  /** Called after every wait, before anything else is started. */
  private unlessStopping(): void {
    if (this.stopping) throw new SetupError('Stopped while starting.');
  }

  private child(
    name: string,
    command: Command,
    stopTimeoutMs: number,
    onLine?: (line: string) => void,
  ): SupervisedChild {
    this.unlessStopping();
    const { dataDir, runDir, say } = this.options;
    const child = new SupervisedChild({
      name,
      ...command,
      runDir,
      logDir: join(dataDir, 'logs'),
      stopTimeoutMs,
      say,
      ...(onLine && { onLine }),
    });
    this.children.push(child);
    child.start();
    return child;
  }

  private async until(child: SupervisedChild, title: string, check: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await check())) {
      this.unlessStopping();
      if (child.restarts >= 2 || Date.now() > deadline) {
        const log = join(this.options.dataDir, 'logs', `${child.name}.log`);
        throw new SetupError(`Cannot start: ${title} did not start; last lines of ${log}:\n${child.tail.join('\n')}`);
      }
      await sleep(100);
    }
  }

  /** Whether anything was started. */
  get begun(): boolean {
    return this.children.length > 0;
  }

  /** From now on nothing is started or restarted. */
  halt(): void {
    this.stopping = true;
    for (const child of this.children) child.halt();
  }

  /** Stops the engines, Kafka last, because the registry reads from it. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.children.filter((child) => child.name !== 'kafka').map((child) => child.stop()));
    await Promise.all(this.children.filter((child) => child.name === 'kafka').map((child) => child.stop()));
  }
}
