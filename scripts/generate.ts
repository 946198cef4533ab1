/** Writes the files that are made from others, and publishes versions of the schemas. A test keeps all of it fresh. */
import { writeFileSync } from 'node:fs';
import { GENERATED } from './installation/generated.ts';
import { incompatibilities, publish, readHistory, unpublished } from './schemas/history.ts';

const say = (message: string): void => void process.stderr.write(`${message}\n`);

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.filter((arg) => arg !== '--publish');
  if (unknown.length > 0) {
    say(`unknown option: ${unknown.join(', ')}; see npm run generate -- --help`);
    return 2;
  }
  const histories = readHistory('schemas');
  const problems = histories.flatMap(incompatibilities);
  for (const [path, make] of Object.entries(GENERATED)) {
    writeFileSync(path, await make());
    say(`wrote ${path}`);
  }
  if (problems.length > 0) {
    say(problems.join('\n'));
    return 1;
  }
  if (args.includes('--publish')) for (const path of publish('schemas')) say(`published ${path}`);
  else for (const history of histories) if (unpublished(history) !== undefined) say(unpublished(history) ?? '');
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
