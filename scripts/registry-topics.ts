/** The topics of a schema registry that others start: `npm start` does this by itself, containers do it first. */
import { ensureRegistryTopics, REGISTRY_TOPICS } from '../deploy/engines/registry.ts';
import { ConfigError, defineConfig, helpText, loadConfig } from '../lib/config/index.ts';

const TIMEOUT_MS = 120_000;

const definition = defineConfig({
  name: 'npm run registry-topics',
  doc: 'Creates the topics of the schema registry, which keep its schemas forever. Topics that the registry creates itself delete them after 7 days.',
  fields: {},
});

async function main(): Promise<void> {
  const config = loadConfig(definition);
  if (process.argv.includes('--validate')) {
    process.stdout.write('The configuration is valid.\n');
    return;
  }
  await ensureRegistryTopics(config.kafkaBrokers, TIMEOUT_MS);
  process.stderr.write(`${REGISTRY_TOPICS.join(', ')}: exist, and keep their records forever\n`);
}

if (process.argv.includes('--help')) process.stdout.write(helpText(definition));
else {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
