/** What this machine must have before anything is downloaded. Plain JavaScript without dependencies, as run.mjs. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NODE = [20, 19];
const JAVA = 17;
const PYTHON = [3, 10];

/** @returns {string | undefined} */
export function oldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE[0] || (major === NODE[0] && minor >= NODE[1])) return undefined;
  return `Node ${NODE.join('.')} or newer is required; this is ${process.versions.node}: https://nodejs.org/en/download`;
}

function javaProblem(env) {
  const java = env.JAVA_HOME ? join(env.JAVA_HOME, 'bin', 'java') : 'java';
  const result = spawnSync(java, ['-version'], { encoding: 'utf8', env });
  const version = /version "(\d+)/.exec(result.stderr ?? '')?.[1];
  if (version !== undefined && Number(version) >= JAVA) return [];
  const found = result.error ? '' : `; ${java} is ${version ?? 'of an unknown version'}`;
  const how = 'Debian, Ubuntu: apt install openjdk-17-jre-headless';
  return [`Java ${JAVA} or newer, which runs Kafka and the schema registry (${how})${found}`];
}

function mavenProblem(root, env) {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'deploy', 'engines', 'pom.xml')))
    .digest('hex');
  if (existsSync(join(root, 'deploy', 'engines', 'target', `engines-${hash.slice(0, 12)}`))) return [];
  if ((env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'mvn')))) return [];
  return ['Maven, which downloads Kafka and the schema registry once (Debian, Ubuntu: apt install maven)'];
}

function systemProblem() {
  process.report.excludeNetwork = true;
  const glibc = process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime !== undefined;
  if (glibc && process.arch === 'x64') return [];
  const here = `${process.platform} on ${process.arch}${process.platform === 'linux' && !glibc ? ' without glibc' : ''}`;
  return [`Linux on x64 with glibc, which the embedded ClickHouse requires; this is ${here}`];
}

/**
 * Everything that is missing for the engines that run here, in one message; undefined when nothing is.
 * @returns {string | undefined}
 */
export function missingForEngines(root, env) {
  const java = !env.KAFKA_BROKERS || !env.REGISTRY_URL;
  const problems = [
    ...(java ? [...javaProblem(env), ...mavenProblem(root, env)] : []),
    ...(env.CLICKHOUSE_URL ? [] : systemProblem()),
  ];
  if (problems.length === 0) return undefined;
  return `Cannot start. This is missing:
${problems.map((problem) => `  ${problem}`).join('\n')}
Alternatively, set KAFKA_BROKERS, REGISTRY_URL and CLICKHOUSE_URL to the addresses of engines that already
run. \`docker compose up\` is meant to start everything in containers; it is untested.`;
}

/**
 * What schemathesis needs beyond the engines; undefined when nothing is missing.
 * @returns {string | undefined}
 */
export function missingForSchemathesis(env) {
  const python = env.PYTHON ?? 'python3';
  const [major, minor] = PYTHON;
  const check = `import sys, venv, ensurepip; sys.exit(sys.version_info < (${major}, ${minor}))`;
  const { status } = spawnSync(python, ['-c', check], { stdio: 'ignore', env });
  if (status === 0) return undefined;
  const found = status === null ? `${python} was not found` : `${python} is older, or lacks one of the modules`;
  return `This suite requires Python ${major}.${minor} or newer with the modules venv and ensurepip; ${found}.
Debian, Ubuntu: apt install python3 python3-venv. PYTHON selects another interpreter.`;
}
