/** Builds what `npm start` runs and ends: scripts/run.mjs has done it before this program starts. */
const HELP = `Installs packages when they are missing, and builds services and console into dist/, as npm start does first.

  npm run build
`;

process.stdout.write(process.argv.includes('--help') ? HELP : 'built dist/services and dist/web\n');
