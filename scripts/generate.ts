/** Writes the files that are made from others: schemas/types.ts and docs/configuration.md. A test keeps them fresh. */
import { writeFileSync } from 'node:fs';
import { GENERATED } from './installation/generated.ts';

if (process.argv.includes('--help')) {
  process.stdout.write(`npm run generate writes ${Object.keys(GENERATED).join(' and ')}.\n`);
} else {
  for (const [path, make] of Object.entries(GENERATED)) {
    writeFileSync(path, make());
    process.stderr.write(`wrote ${path}\n`);
  }
}
