/** `npm run bench -- <name> [arguments]`: see bench/index.ts. */
import { run } from '../bench/index.ts';

await run(process.argv.slice(2)).catch((error: unknown) => {
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  console.error(error instanceof Error ? `${error.message}${cause}` : error);
  process.exitCode = 1;
});
