import type { TestProject } from 'vitest/node';
import { sharedEngines, type EngineAddresses } from './engines.ts';

declare module 'vitest' {
  interface ProvidedContext {
    engines: EngineAddresses;
  }
}

/**
 * Starts the engines once for the whole run of system tests. Tests find them by `inject('engines')`, and in the
 * environment, which the workers inherit.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const engines = await sharedEngines();
  Object.assign(process.env, engines.addresses);
  project.provide('engines', engines.addresses);
  return engines.stop;
}
