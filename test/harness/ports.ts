import { freePorts } from '../../deploy/engines/ports.ts';

/** Free ports that no other worker of this run of tests is about to take: each has a share of its own. */
export function testPorts(count: number): Promise<number[]> {
  return freePorts(count, Number(process.env['VITEST_POOL_ID'] ?? 0));
}
