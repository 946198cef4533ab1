import { runInstallation } from './installation/installation.ts';

await runInstallation('start', ({ config }) => {
  process.stdout.write(`ready http://127.0.0.1:${config.apiPort}\n`);
});
