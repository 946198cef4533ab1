/** Builds what `npm start` runs and ends: scripts/run.mjs has done it before this program starts. */
process.stdout.write('built dist/services and dist/web\n');
