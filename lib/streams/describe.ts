import { changelogOf } from '../topics.ts';
import type { Topology } from './topology.ts';

/** A topology as text, for --help: its input, outputs, changelog and deadlines. */
export function describe<I>(topology: Topology<I>): string {
  const { name, input, outputs, tick, onDue } = topology;
  const ticks = `by log time, earliest first; a tick is appended to ${input.topic} when one is due and no record arrives`;
  const steps = 'none; large work of one record is done in several steps';
  const deadlines = onDue === undefined ? 'none' : tick === undefined ? steps : ticks;
  return [
    `topology ${name}`,
    `  reads      ${input.topic} (one task per partition, group ${name})`,
    `  writes     ${outputs.length === 0 ? 'nothing' : outputs.join(', ')}`,
    `  keeps      ${changelogOf(name)} (compacted, partitioned as ${input.topic})`,
    `  deadlines  ${deadlines}`,
    `  commits    input offset, state and outputs of a task in one transaction`,
    '',
  ].join('\n');
}
