/** What an installation is told by its environment, checked as a whole before anything begins. */
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

/** The programs that run an installation until they are told to stop. */
export const PROGRAMS = {
  start: { doc: 'Everything on this machine: engines, services, console.', services: true },
  demo: { doc: 'Everything on this machine, with a simulated day of a retailer in it.', services: true },
  engines: { doc: 'Kafka, the schema registry and ClickHouse alone, for work on a service.', services: false },
} as const;

const SERVICES: readonly Definition<Readonly<Record<string, Field<unknown>>>>[] = Object.values(SERVICE_CONFIGS);

export type ProgramName = keyof typeof PROGRAMS;
export const PROGRAM_NAMES: readonly ProgramName[] = ['start', 'demo', 'engines'];

/** A program itself reads the common variables; its services read more. */
export function programConfig(name: ProgramName): Definition<Record<never, never>> {
  return defineConfig({ name: `npm run ${name}`, doc: PROGRAMS[name].doc, fields: {} });
}

/**
 * The settings of a program; those of all services are checked too when it runs them.
 * Throws a ConfigError with every problem of all of them at once.
 */
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

/** Warnings of variables that are probably meant to be others. */
export function suspects(env: NodeJS.ProcessEnv): string[] {
  return mistyped(env, SERVICES);
}
