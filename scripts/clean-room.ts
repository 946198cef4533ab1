/** Runs the two commands of the README as a new user would: in a new clone, with empty caches of npm and Maven. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePorts } from '../deploy/engines/ports.ts';
import { livePid, pidNames } from '../deploy/engines/process.ts';
import { bodyOf, createApiClient } from '../lib/client/index.ts';
import { COMMON } from '../lib/config/index.ts';
import { SERVICE_CONFIGS } from './installation/definitions.ts';
import { Command, megabytesOf, seconds } from './clean-room/command.ts';

const HELP = `Clones what is committed into an empty folder, with empty caches of npm and Maven, and runs the README's commands.

  npm run clean-room                  npm run demo, until its console and its counts answer, then npm test
  npm run clean-room -- --demo-only   the first alone
  npm run clean-room -- --test-only   the second alone
  npm run clean-room -- --keep        leaves the folder where it is, also when all went well

It downloads about 700 MB, needs 4 GB of disk, and takes ports that are free. Exit code 0: a stranger would be fine.
`;

const DEMO_TIMEOUT_MS = 30 * 60_000;
const STOP_TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 90 * 60_000;

const say = (message: string): void => void process.stderr.write(`${message}\n`);

interface Step {
  name: string;
  took: string;
  seen: string;
  ok: boolean;
}

interface Room {
  /** The folder of everything. */
  folder: string;
  clone: string;
  npmCache: string;
  mavenRepository: string;
  env: NodeJS.ProcessEnv;
}

/**
 * The environment of this process without variables that refer to this folder or that a new user would not have set.
 */
function strangersEnvironment(): NodeJS.ProcessEnv {
  const settings = new Set(
    [COMMON, ...Object.values(SERVICE_CONFIGS).map(({ fields }) => fields)].flatMap((fields) => Object.keys(fields)),
  );
  const own = (name: string): boolean =>
    settings.has(name) ||
    ['ADMIN_KEY', 'SECRET_KEY', 'INIT_CWD', 'NODE_OPTIONS', 'NODE_PATH'].includes(name) ||
    /^npm_(package|lifecycle|command|execpath|node_execpath)/.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own(name)));
}

async function enter(): Promise<Room> {
  const folder = mkdtempSync(join(tmpdir(), 'jane-traits-clean-room-'));
  const [npmCache, mavenRepository] = [join(folder, 'npm-cache'), join(folder, 'maven-repository')];
  for (const path of [npmCache, mavenRepository]) mkdirSync(path);
  const clone = join(folder, 'jane-traits');
  execFileSync('git', ['clone', '--quiet', '--no-hardlinks', process.cwd(), clone], { stdio: ['ignore', 2, 2] });
  const names = ['API', 'INGEST', 'KAFKA', 'KAFKA_CONTROLLER', 'REGISTRY', 'CLICKHOUSE_HTTP', 'CLICKHOUSE_TCP'];
  const ports = await freePorts(names.length);
  const env = {
    ...strangersEnvironment(),
    npm_config_cache: npmCache,
    // Not MAVEN_ARGS: Maven knows it from 3.9 on only.
    MAVEN_OPTS: `${process.env['MAVEN_OPTS'] ?? ''} -Dmaven.repo.local=${mavenRepository}`.trim(),
    ...Object.fromEntries(names.map((name, i) => [`${name}_PORT`, String(ports[i])])),
  };
  return { folder, clone, npmCache, mavenRepository, env };
}

/** What a person would check: the page, its program, and that people are counted. */
async function checkConsole(url: string, key: string): Promise<string> {
  const get = async (path: string): Promise<Response> => {
    const response = await fetch(new URL(path, url));
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response;
  };
  const page = await (await get('/')).text();
  const program = /<script[^>]+src="([^"]+\.js)"/.exec(page.replace(/<script[^>]+color-scheme[^>]+>/g, ''))?.[1];
  if (program === undefined) throw new Error(`${url} is not the console`);
  const bytes = (await (await get(program)).arrayBuffer()).byteLength;
  const api = createApiClient({ baseUrl: new URL(url).origin, key });
  const audience = { trait: 'cart_abandoned' } as const;
  const { count } = await bodyOf(api.POST('/v1/audiences/preview', { body: { audience } }));
  if (count === 0) throw new Error('no person with an abandoned cart was counted');
  return `console answers (${Math.round(bytes / 1024)} KB), ${count} people abandoned a cart`;
}

async function demo({ clone, env }: Room, current: Set<Command>): Promise<string> {
  const command = new Command('npm run demo', ['npm', 'run', 'demo'], { cwd: clone, env, say });
  current.add(command);
  try {
    const ready = await command.line(/^ready (\S+)/, DEMO_TIMEOUT_MS);
    const readyAfter = command.took();
    const opened = await command.line(/#key=(\S+)/, 10_000);
    const seen = await checkConsole(ready[1] ?? '', opened[1] ?? '');
    say(`clean-room: ready after ${readyAfter}; ${seen}; stopping it with SIGINT`);
    command.signal('SIGINT');
    const code = await command.end(STOP_TIMEOUT_MS);
    if (code !== 0) throw new Error(`it exited with ${String(code)} instead of 0`);
    const runDir = join(clone, '.data', 'run');
    const left = pidNames(runDir).filter((name) => livePid(runDir, name) !== undefined);
    if (left.length > 0) throw new Error(`processes are left: ${left.join(', ')}`);
    return `ready after ${readyAfter}; ${seen}; ended with 0`;
  } finally {
    await command.kill();
    current.delete(command);
  }
}

async function test({ clone, env }: Room, current: Set<Command>): Promise<string> {
  const command = new Command('npm test', ['npm', 'test'], { cwd: clone, env, say });
  current.add(command);
  try {
    const code = await command.end(TEST_TIMEOUT_MS);
    const counts = command.last(/^\d+ passed, \d+ failed$/) ?? 'no counts';
    if (code !== 0) throw new Error(`${counts}; it ended with ${String(code)}`);
    return counts;
  } finally {
    await command.kill();
    current.delete(command);
  }
}

async function take(name: string, steps: Step[], work: () => Promise<string>): Promise<void> {
  const startedAt = Date.now();
  say(`\nclean-room: ${name}`);
  const step = await work().then(
    (seen) => ({ seen, ok: true }),
    (error: unknown) => ({ seen: error instanceof Error ? error.message : String(error), ok: false }),
  );
  steps.push({ name, took: seconds(Date.now() - startedAt), ...step });
}

function summary(room: Room, steps: readonly Step[]): string {
  const caches = `npm ${megabytesOf(room.npmCache)} MB, Maven ${megabytesOf(room.mavenRepository)} MB`;
  const lines = steps.map(({ name, took, seen, ok }) => `  ${ok ? 'ok    ' : 'FAILED'} ${name} (${took}): ${seen}`);
  return ['', 'clean-room', ...lines, `  caches, empty before: ${caches}`, ''].join('\n');
}

/** Without this a run could pass on what this machine had already. */
function sawEmptyCaches(room: Room): void {
  if (!existsSync(join(room.npmCache, '_cacache'))) throw new Error('npm did not use the empty cache');
  if (!existsSync(join(room.mavenRepository, 'org', 'apache', 'kafka'))) {
    throw new Error('Maven did not use the empty repository');
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      'demo-only': { type: 'boolean' },
      'test-only': { type: 'boolean' },
      keep: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values['demo-only'] && values['test-only']) throw new Error('--demo-only and --test-only cannot be combined');
  const uncommitted = execFileSync('git', ['status', '--porcelain'], { encoding: 'utf8' }).trim();
  if (uncommitted !== '') say('clean-room: uncommitted changes are not in the clone');

  const room = await enter();
  say(`clean-room: ${room.clone}`);
  const current = new Set<Command>();
  const steps: Step[] = [];
  const interrupted = new Promise<never>((_, reject) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const)
      process.once(name, () => reject(new Error(`stopped by ${name}`)));
  });
  const work = async (): Promise<void> => {
    if (!values['test-only']) await take('npm run demo', steps, () => demo(room, current));
    if (!values['demo-only']) await take('npm test', steps, () => test(room, current));
    await take('empty caches', steps, () => Promise.resolve(sawEmptyCaches(room)).then(() => 'were used'));
  };
  try {
    await Promise.race([work(), interrupted]);
    process.stdout.write(summary(room, steps));
    return steps.every(({ ok }) => ok) ? 0 : 1;
  } finally {
    await Promise.all([...current].map((command) => command.kill()));
    const failed = steps.some(({ ok }) => !ok);
    if (values.keep || failed) say(`clean-room: kept for inspection: ${room.folder}`);
    else rmSync(room.folder, { recursive: true, force: true });
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(`clean-room: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(2);
  },
);
