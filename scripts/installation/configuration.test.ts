import { describe, expect, it } from 'vitest';
import type { ConfigError } from '../../lib/config/index.ts';
import { installationConfig, suspects, type ProgramName } from './configuration.ts';
import { SERVICE_CONFIGS } from './definitions.ts';

function problemsOf(name: ProgramName, env: Record<string, string>): string[] {
  try {
    installationConfig(name, env, []);
    return [];
  } catch (error) {
    return (error as ConfigError).problems;
  }
}

describe('the configuration of an installation', () => {
  it('is checked for all of its services, and each problem is told once', () => {
    const env = { PROCESSOR_TOPOLOGIES: 'cart', SINK_BLOCK_INTERVAL_MS: 'x', API_PORT: '0', ADMIN_KEY: 'short' };
    const named = (name: ProgramName) => problemsOf(name, env).map((problem) => problem.split(' ')[0]);
    expect(named('start').sort()).toEqual(['ADMIN_KEY', 'API_PORT', 'PROCESSOR_TOPOLOGIES', 'SINK_BLOCK_INTERVAL_MS']);
    expect(named('engines').sort()).toEqual(['ADMIN_KEY', 'API_PORT']);
    expect(problemsOf('start', {})).toEqual([]);
  });

  it('takes no variable of a service for another one that is mistyped', () => {
    const variables = Object.values(SERVICE_CONFIGS).flatMap((service) => Object.keys(service.fields));
    expect(suspects(Object.fromEntries(variables.map((variable) => [variable, '1'])))).toEqual([]);
    expect(suspects({ SINK_BLOCK_INTERVL_MS: '1' })).toEqual([
      expect.stringContaining('did you mean SINK_BLOCK_INTERVAL_MS'),
    ]);
  });
});
