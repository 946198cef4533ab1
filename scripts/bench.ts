/** `npm run bench -- <name> [arguments]`: see bench/index.ts. */
import { run } from '../bench/index.ts';

await run(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
