/** `npm run bench -- <name> [arguments]`: runs bench/<name>.ts, which exports `run(args)` and, for --help, `HELP`. */

type Bench = { HELP?: string; run?: (args: string[]) => Promise<void> | void };

/** @throws Error for a name that is no benchmark */
export async function run(args: readonly string[]): Promise<void> {
  const [name = '', ...rest] = args;
  // The bundler takes in every file that this can name; each is run only when it is asked for.
  const load = async (): Promise<Bench> => (await import(`./${name}.ts`)) as Bench;
  const bench = /^[a-z][a-z-]*$/.test(name) && name !== 'index' ? await load().catch(() => undefined) : undefined;
  if (bench?.run === undefined)
    throw new Error('usage: npm run bench -- <name> [arguments], see npm run bench -- --help');
  if (rest.includes('--help')) process.stdout.write(bench.HELP ?? '');
  else await bench.run(rest);
}
