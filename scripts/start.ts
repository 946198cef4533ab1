import { runInstallation } from './installation/installation.ts';

await runInstallation({
  name: 'start',
  doc: 'Everything on this machine: engines, services, console.',
  services: true,
  onReady: ({ config }) => {
    process.stdout.write(`ready http://127.0.0.1:${config.apiPort}\n`);
  },
});
