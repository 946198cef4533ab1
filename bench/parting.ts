/**
 * What a parting costs: a person with many carts, who is linked by one address that becomes junk. On the core that the
 * runtime drives, with Avro in and out and the runtime's limits of a transaction.
 */
import { parseArgs } from 'node:util';
import { cartInput, change } from '../lib/people/testing.ts';
import { TaskCore } from '../lib/streams/index.ts';
import { TASK_LIMITS } from '../lib/streams/limits.ts';
import type { PersonInput } from '../schemas/types.ts';
import { codecs, people } from '../services/processor/testing.ts';
import { printJson, printTable } from './measure.ts';

export const HELP = `Measures the parting of a person with many carts, without engines: its longest step, and its largest transaction.

  npm run bench -- parting [options]

  --carts N   of the person (50000)
  --help
`;

const START = Date.UTC(2026, 2, 17);
const ADDRESS = 'email:shared@example.com';
/** The address is seen with so many phones, and is not junk yet. */
const PHONES = 25;

/** What was done between two points where a transaction may end. */
interface Transaction {
  cpuMs: number;
  outputs: number;
  bytes: number;
}

function inputs(carts: number): PersonInput[] {
  return Array.from({ length: carts }, (_, i) => {
    const changes = [change(START + i, 'verification'), change(START + i + 1, 'finished')];
    return cartInput(String(i), [ADDRESS, `phone:+1808${5_550_000 + (i % PHONES)}`], { at: START + i, changes });
  });
}

export function run(args: string[]): void {
  const { values } = parseArgs({ args, options: { carts: { type: 'string', default: '50000' } } });
  const carts = Number(values.carts);
  const core = new TaskCore(people());
  let offset = 0;
  const begin = (input: PersonInput): void => {
    const value = codecs.personInputs.decode(codecs.personInputs.encode(input));
    core.begin({ key: 'shop', value, offset: offset++, partition: 0 }, START + offset);
  };
  for (const input of inputs(carts)) {
    begin(input);
    core.advance({ effects: Infinity, bytes: Infinity });
    core.takeEffects();
  }
  const transactions: Transaction[] = [];
  begin(cartInput('last', [ADDRESS, 'phone:+18085559999'], { at: START + carts }));
  for (let isDone = false; !isDone;) {
    const startedMs = performance.now();
    const isTimeUp = (): boolean => performance.now() - startedMs >= TASK_LIMITS.workMs;
    const before = process.cpuUsage();
    isDone = core.advance({ ...TASK_LIMITS, isTimeUp });
    const { user, system } = process.cpuUsage(before);
    const { outputs, changes } = core.takeEffects();
    let bytes = 0;
    for (const { value } of outputs) bytes += value.length;
    for (const { value } of changes.values()) bytes += value?.length ?? 0;
    transactions.push({ cpuMs: (user + system) / 1000, outputs: outputs.length, bytes });
  }
  const figures = {
    carts,
    cpuMs: transactions.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    transactions: transactions.length,
    longestCpuMs: Math.max(...transactions.map(({ cpuMs }) => cpuMs)),
    outputs: transactions.reduce((sum, { outputs }) => sum + outputs, 0),
    largestOutputs: Math.max(...transactions.map(({ outputs }) => outputs)),
    largestMegabytes: Math.max(...transactions.map(({ bytes }) => bytes)) / 1e6,
  };
  const { cpuMs, longestCpuMs, outputs, largestOutputs, largestMegabytes } = figures;
  printTable(
    ['carts', 'outputs', 'CPU ms', 'transactions', 'longest CPU ms', 'largest: outputs', 'MB'],
    [[carts, outputs, cpuMs, transactions.length, longestCpuMs, largestOutputs, largestMegabytes].map(whole)],
  );
  printJson('parting', figures);
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');
