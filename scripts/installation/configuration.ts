/** The configuration of an installation, validated as a whole before anything starts. */
import {
  ConfigError,
  defineConfig,
  loadConfig,
  mistyped,
  type Definition,
  type Field,
} from '../../lib/config/index.ts';
import { SERVICE_CONFIGS } from './definitions.ts';
import type { Settings } from './options.ts';

/** The programs that run an installation until they are stopped. */
export const PROGRAMS = {
  start: { doc: 'Runs everything on this machine: engines, services and console.', services: true },
  demo: { doc: 'Runs everything on this machine, and plays a simulated day of a retailer.', services: true },
  engines: { doc: 'Runs only Kafka, the schema registry and ClickHouse, for work on a service.', services: false },
} as const;

const SERVICES: readonly Definition<Readonly<Record<string, Field<unknown>>>>[] = Object.values(SERVICE_CONFIGS);

export type ProgramName = keyof typeof PROGRAMS;
export const PROGRAM_NAMES: readonly ProgramName[] = ['start', 'demo', 'engines'];

/** A program itself reads only the common variables; its services read more. */
export function programConfig(name: ProgramName): Definition<Record<never, never>> {
  return defineConfig({ name: `npm run ${name}`, doc: PROGRAMS[name].doc, fields: {} });
}

/** The settings of a program. Also validates those of the services that it runs. Throws ConfigError with all problems. */
export function installationConfig(name: ProgramName, env: NodeJS.ProcessEnv, argv: readonly string[]): Settings {
  const problems = new Set<string>();
  const collect = <T>(load: () => T): T | undefined => {
    try {
      return load();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) problems.add(problem);
      return undefined;
    }
  };
  const config = collect(() => loadConfig(programConfig(name), env, argv));
  if (PROGRAMS[name].services) for (const service of SERVICES) collect(() => loadConfig(service, env, []));
  if (config === undefined || problems.size > 0) throw new ConfigError([...problems]);
  return config;
}

/** Warnings about variables that are probably misspelt. */
export function suspects(env: NodeJS.ProcessEnv): string[] {
  return mistyped(env, SERVICES);
}
