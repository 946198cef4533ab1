/** Waits for engines that run elsewhere before anything that needs them is started. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../lib/clock/index.ts';
import { registryAuth, registryState, type EngineState } from '../../lib/avro/index.ts';
import { answers, portAnswers } from '../../deploy/engines/ports.ts';
import { SetupError } from '../../deploy/engines/setup-error.ts';
import type { Settings } from './options.ts';

/** A wait that is shorter is not reported. */
const SILENT_MS = 3_000;
const TIMEOUT_MS = 60_000;

interface OutsideEngine {
  title: string;
  variable: string;
  address: string;
  /** The variables of its user and password, where they are tried. */
  login?: string;
  check(): Promise<EngineState>;
}

/** Those whose address is given. */
export function outsideEngines(config: Settings, env: NodeJS.ProcessEnv): OutsideEngine[] {
  const any = async (checks: Promise<boolean>[]): Promise<EngineState> =>
    up((await Promise.all(checks)).includes(true));
  const all: OutsideEngine[] = [
    {
      title: 'Kafka',
      variable: 'KAFKA_BROKERS',
      address: config.kafkaBrokers.join(','),
      check: () => any(config.kafkaBrokers.map(brokerAnswers)),
    },
    {
      title: 'the schema registry',
      variable: 'REGISTRY_URL',
      address: config.registryUrl,
      login: 'REGISTRY_USER, REGISTRY_PASSWORD',
      check: () => registryState(config.registryUrl, registryAuth(config), systemClock),
    },
    {
      title: 'ClickHouse',
      variable: 'CLICKHOUSE_URL',
      address: config.clickhouseUrl,
      check: async () => up(await answers(`${config.clickhouseUrl}/ping`)),
    },
  ];
  return all.filter(({ variable }) => env[variable]);
}

const up = (isUp: boolean): EngineState => (isUp ? 'running' : 'stopped');

/** [::1]:9092, kafka.example:9092 */
function brokerAnswers(broker: string): Promise<boolean> {
  const at = broker.lastIndexOf(':');
  return portAnswers(Number(broker.slice(at + 1)), broker.slice(0, at).replace(/^\[|\]$/g, ''));
}

/** Resolves when each answers; throws a SetupError that names those that do not within `timeoutMs`. */
export async function waitForOutside(
  engines: readonly OutsideEngine[],
  { say, stopping, timeoutMs = TIMEOUT_MS }: { say(message: string): void; stopping: AbortSignal; timeoutMs?: number },
): Promise<void> {
  const silent: string[] = [];
  await Promise.all(
    engines.map(async ({ title, variable, address, login = '', check }) => {
      const startedAt = Date.now();
      for (let said = false; ;) {
        const state = await check();
        if (state === 'running') return;
        // Waiting does not make a wrong password right.
        if (state === 'refused')
          throw new SetupError(`Cannot start: ${title} at ${address} rejects the user or password (${login}).`);
        if (stopping.aborted) throw new SetupError('Stopped while starting.');
        const waitedMs = Date.now() - startedAt;
        if (waitedMs > timeoutMs) {
          silent.push(`${title} does not answer at ${address} (${variable})`);
          return;
        }
        if (!said && waitedMs > SILENT_MS) say(`waiting for ${title} at ${address} (${variable})`);
        said ||= waitedMs > SILENT_MS;
        await sleep(200, undefined, { signal: stopping }).catch(() => {});
      }
    }),
  );
  if (silent.length === 0) return;
  throw new SetupError(
    `Cannot start: ${silent.join('; ')}, waited ${timeoutMs / 1000} s. Start it, correct the address, or unset the variable so that npm start runs its own.`,
  );
}
