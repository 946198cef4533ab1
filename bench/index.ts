/** `npm run bench -- <name> [arguments]`: runs bench/<name>.ts, which exports `run(args)` and, for --help, `HELP`. */
import { runAgainst } from './against.ts';

type Bench = { HELP?: string; run?: (args: string[]) => Promise<void> | void };

const USAGE = 'usage: npm run bench -- <name> [arguments], see npm run bench -- --help';

/** Throws an Error for an unknown benchmark and for invalid arguments. */
export async function run(args: readonly string[]): Promise<void> {
  const [name = '', ...given] = args;
  // The bundler includes every file that this can name; a benchmark is loaded only when it is asked for.
  const load = async (): Promise<Bench> => (await import(`./${name}.ts`)) as Bench;
  const bench = /^[a-z][a-z-]*$/.test(name) && name !== 'index' ? await load().catch(() => undefined) : undefined;
  if (bench?.run === undefined) throw new Error(USAGE);
  const { value: other, rest } = takeOption(given, '--against');
  const { value: rounds = '3', rest: own } = takeOption(rest, '--rounds');
  if (own.includes('--help')) process.stdout.write(bench.HELP ?? '');
  else if (other === undefined) await bench.run(rest);
  else await runAgainst({ bench: name, args: own, other, rounds: roundsOf(rounds) });
}

function roundsOf(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= 100) return rounds;
  throw new Error(`--rounds takes a whole number from 1 to 100, not "${text}"`);
}

/** The value of an option, and the arguments without it. */
function takeOption(args: readonly string[], option: string): { value: string | undefined; rest: string[] } {
  const at = args.indexOf(option);
  if (at < 0) return { value: undefined, rest: [...args] };
  const value = args[at + 1];
  if (value === undefined || value.startsWith('--')) throw new Error(`${option} takes a value`);
  return { value, rest: [...args.slice(0, at), ...args.slice(at + 2)] };
}
