/**
 * What every npm script goes through: `node scripts/run.mjs <name> [arguments]`. Plain JavaScript without dependencies, because it installs them: answers --help, checks what the machine must have, installs
 * packages when they are missing or stale, bundles the services and scripts into dist/ when a source changed, and
 * runs dist/scripts/<name>.js (or a tool of others) in this very process, so that a signal reaches it.
 */
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { missingForEngines, missingForSchemathesis, oldNode } from './requirements.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** Programs that run the services and serve the console, and the one that only builds them. */
const WHOLE = new Set(['start', 'demo', 'bench', 'build']);
/** Programs that run until they are stopped: being stopped is how they end well. */
const SERVING = new Set(['start', 'demo', 'engines']);
/** Tools of other projects. */
const TOOLS = {
  format: ['node_modules/prettier/bin/prettier.cjs', '--write', '.'],
  mutation: ['node_modules/@stryker-mutator/core/bin/stryker.js', 'run'],
};
const SIGNALS = { SIGINT: 130, SIGTERM: 143 };
/** Programs that a service starts as threads. */
const THREADS = ['lib/rendering/worker.ts', 'services/api/backtest-worker.ts'];
const SOURCES = ['schemas', 'lib', 'services', 'scripts', 'bench', 'deploy/engines'];

const say = (message) => process.stderr.write(`${message}\n`);

function fail(message) {
  say(message);
  process.exit(1);
}

/**
 * The child that set-up waits for. A signal ends it and then this process; on Linux the kernel does so, too, when
 * this process is killed and can do nothing any more.
 */
let child;
const SETPRIV = '/usr/bin/setpriv';
const WITH_PARENT = process.platform === 'linux' && existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'TERM'] : [];

/** @returns {Promise<boolean>} whether it ended with 0; what it says goes to stderr */
function succeeds(command, args, env = {}) {
  const [file, ...rest] = [...WITH_PARENT, command, ...args];
  return new Promise((resolve) => {
    child = spawn(file, rest, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 2, 2] });
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
}

/** Until the program has its own way to stop. One that runs until it is stopped ends well also before it began. */
function stopOnSignals(exitCodeOf) {
  let mine = true;
  const stop = (signal) => {
    if (!mine) return;
    const end = () => process.exit(exitCodeOf(signal));
    if (!child || child.exitCode !== null || child.signalCode !== null) return end();
    child.once('close', end);
    child.kill('SIGTERM');
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal, stop);
  // Not taken off here: a signal whose last listener goes while another comes would end the process.
  process.on('newListener', (event) => {
    if (event in SIGNALS) mine = false;
  });
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

async function installPackages() {
  if (packagesAreFresh()) return;
  say('set-up: installing packages (npm ci; about 900 MB, most of it the embedded ClickHouse)');
  if (!(await succeeds('npm', ['ci', '--no-audit', '--no-fund'])))
    fail('set-up: npm ci failed; see its messages above');
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
  const { build, stop } = await import('esbuild');
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
  }).catch(() => fail('set-up: the build failed; see the messages above'));
  // Its process would stay for as long as this one.
  await stop();
  say(`set-up: bundled ${points.length} programs in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

async function buildConsole() {
  say('set-up: building the console');
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
  const config = ['--config', 'web/vite.config.ts', '--logLevel', 'warn'];
  // Also when tests start it: with another value React is built for development, half as large again.
  if (!(await succeeds(process.execPath, [vite, 'build', 'web', ...config], { NODE_ENV: 'production' })))
    fail('set-up: building the console failed; see the messages above');
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
    else if (!said) say('set-up: another set-up is running in this folder; waiting');
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

/** Names of what there is to run. */
function names() {
  const programs = filesOf('scripts').filter((file) => /^[a-z-]+\.ts$/.test(file));
  return [...programs.map((file) => file.slice(0, -3)), ...Object.keys(TOOLS)].sort();
}

/** Printed before anything is installed. A benchmark prints its own help. */
function helpAsked() {
  const asked = name === 'bench' ? args[0] === '--help' : args.includes('--help');
  const file = join(ROOT, 'scripts', 'help', `${name}.txt`);
  return asked && existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** Whether engines are to be started, unless they run elsewhere. */
function startsEngines() {
  if (SERVING.has(name)) return !args.includes('--validate');
  if (name === 'test')
    return args.length === 0 || ['system', 'chaos', 'schemathesis'].some((step) => args.includes(step));
  if (name === 'pictures') return !args.includes('--url');
  return name === 'bench' && args[0] === 'pipeline';
}

async function setUp() {
  await installPackages();
  if (name in TOOLS) return;
  const own = [`scripts/${name}.ts`, 'deploy/engines/clickhouse-server.ts'];
  await whenChanged(`.${name}`, SOURCES, join(ROOT, 'dist', 'scripts', `${name}.js`), () => bundle(own));
  if (!WHOLE.has(name) && !startsEngines()) return;
  if (args.includes('--help') || args.includes('--validate')) return;
  await whenChanged('.services', SOURCES, join(ROOT, 'dist', 'services'), async () => {
    // A service that is gone from the sources must not be started from an old bundle.
    for (const folder of ['services', 'lib']) rmSync(join(ROOT, 'dist', folder), { recursive: true, force: true });
    await bundle([...servicePrograms(), ...THREADS]);
  });
  if (existsSync(join(ROOT, 'web', 'index.html'))) {
    await whenChanged('.console', ['web', 'lib'], join(ROOT, 'dist', 'web', 'index.html'), buildConsole);
  }
}

if (!names().includes(name)) fail(`usage: node scripts/run.mjs <${names().join('|')}> [arguments]`);
const help = helpAsked();
if (help !== undefined) {
  process.stdout.write(help);
  process.exit(0);
}

/** What this machine lacks for what is to be run. */
function missing() {
  const fuzzes = name === 'test' && args.includes('schemathesis');
  return (
    oldNode() ??
    (startsEngines() ? missingForEngines(ROOT, process.env) : undefined) ??
    (fuzzes ? missingForSchemathesis(process.env) : undefined)
  );
}

const problem = missing();
if (problem !== undefined) fail(problem);
process.chdir(ROOT);
stopOnSignals((signal) => (SERVING.has(name) ? 0 : SIGNALS[signal]));
await alone(setUp);

const [program, ...given] = TOOLS[name] ?? [`dist/scripts/${name}.js`];
process.setSourceMapsEnabled(true);
process.argv = [process.execPath, join(ROOT, program), ...given, ...args];
await import(pathToFileURL(join(ROOT, program)).href);
