/**
 * What every npm script goes through: `node scripts/run.mjs <name> [arguments]`. Plain JavaScript without
 * dependencies, since it sees to it that they are there: checks Node, installs packages when they are missing
 * or stale, bundles the services and scripts into dist/ when a source changed, and runs dist/scripts/<name>.js
 * in this very process, so that a signal reaches it.
 */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** Programs that run the services and serve the console, and the one that only builds them. */
const WHOLE = new Set(['start', 'demo', 'bench', 'build']);
const SOURCES = ['schemas', 'lib', 'services', 'scripts', 'bench', 'deploy/engines'];

const say = (message) => process.stderr.write(`${message}\n`);

function fail(message) {
  say(message);
  process.exit(1);
}

function requireNode() {
  const wanted = [20, 19];
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < wanted[0] || (major === wanted[0] && minor < wanted[1])) {
    fail(
      `Node ${wanted.join('.')} or newer is needed, this is ${process.versions.node}: https://nodejs.org/en/download`,
    );
  }
}

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Whether node_modules holds what the lock file says; what is optional may be absent on other systems. */
function packagesAreFresh() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const present = readJson(installed).packages;
  return Object.entries(readJson(join(ROOT, 'package-lock.json')).packages).every(([path, wanted]) => {
    if (path === '') return true;
    const found = present[path];
    return found ? found.version === wanted.version : Boolean(wanted.optional || wanted.devOptional);
  });
}

function installPackages() {
  if (packagesAreFresh()) return;
  say('set-up: installing packages (npm ci; about 900 MB, most of it the embedded ClickHouse)');
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) fail('set-up: npm ci failed; its message stands above');
}

/** Path, size and time of every file below some folders: changes when any of them does. */
function stampOf(folders) {
  const hash = createHash('sha256');
  const visit = (path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return;
    if (!stat.isDirectory()) {
      hash.update(`${relative(ROOT, path)} ${stat.size} ${stat.mtimeMs}\n`);
      return;
    }
    for (const name of readdirSync(path).sort())
      if (name !== 'target' && name !== 'node_modules') visit(join(path, name));
  };
  for (const folder of folders) visit(join(ROOT, folder));
  return hash.digest('hex');
}

/** Builds with `make` unless `dist/<name>` holds the stamp of these folders already. */
async function whenChanged(name, folders, output, make) {
  const file = join(ROOT, 'dist', name);
  const stamp = stampOf([...folders, 'package-lock.json', 'scripts/run.mjs']);
  if (existsSync(output) && existsSync(file) && readFileSync(file, 'utf8') === stamp) return;
  await make();
  writeFileSync(file, stamp);
}

const filesOf = (folder) => (existsSync(join(ROOT, folder)) ? readdirSync(join(ROOT, folder)) : []);

function servicePrograms() {
  return filesOf('services')
    .map((service) => `services/${service}/main.ts`)
    .filter((file) => existsSync(join(ROOT, file)));
}

async function bundle(points) {
  const startedAt = Date.now();
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: ROOT,
    entryPoints: points,
    outdir: 'dist',
    outbase: '.',
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    loader: { '.avsc': 'json', '.sql': 'text' },
    logLevel: 'warning',
  }).catch(() => fail('set-up: the build failed; its messages stand above'));
  say(`set-up: bundled ${points.length} programs in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

function buildConsole() {
  say('set-up: building the console');
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
  const config = ['--config', 'web/vite.config.ts', '--logLevel', 'warn'];
  const result = spawnSync(process.execPath, [vite, 'build', 'web', ...config], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) fail('set-up: building the console failed; its messages stand above');
}

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** One set-up at a time in this folder: two installations may be started at once. */
async function alone(work) {
  const lock = join(ROOT, 'dist', 'lock');
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  for (let said = false; ;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = Number(existsSync(lock) ? readFileSync(lock, 'utf8') : '');
    if (owner > 0 && !alive(owner)) rmSync(lock, { force: true });
    else if (!said) say('set-up: another one is under way in this folder; waiting');
    said = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const unlock = () => rmSync(lock, { force: true });
  process.on('exit', unlock);
  try {
    await work();
  } finally {
    unlock();
    process.off('exit', unlock);
  }
}

const [name = '', ...args] = process.argv.slice(2);
if (!/^[a-z-]+$/.test(name) || !existsSync(join(ROOT, 'scripts', `${name}.ts`))) {
  const names = filesOf('scripts').filter((file) => /^[a-z-]+\.ts$/.test(file));
  fail(`usage: node scripts/run.mjs <${names.map((file) => file.slice(0, -3)).join('|')}> [arguments]`);
}
requireNode();
process.chdir(ROOT);
const whole =
  WHOLE.has(name) || (name === 'test' && (args.length === 0 || args.includes('system') || args.includes('chaos')));
await alone(async () => {
  installPackages();
  const own = [`scripts/${name}.ts`, 'deploy/engines/clickhouse-server.ts'];
  await whenChanged(`.${name}`, SOURCES, join(ROOT, 'dist', 'scripts', `${name}.js`), () => bundle(own));
  if (!whole || args.includes('--help')) return;
  await whenChanged('.services', SOURCES, join(ROOT, 'dist', 'services'), async () => {
    // A service that is gone from the sources must not be started from an old bundle.
    rmSync(join(ROOT, 'dist', 'services'), { recursive: true, force: true });
    await bundle(servicePrograms());
  });
  if (existsSync(join(ROOT, 'web', 'index.html'))) {
    await whenChanged('.console', ['web', 'lib'], join(ROOT, 'dist', 'web', 'index.html'), buildConsole);
  }
});

const program = join(ROOT, 'dist', 'scripts', `${name}.js`);
process.setSourceMapsEnabled(true);
process.argv = [process.execPath, program, ...args];
await import(pathToFileURL(program).href);
