/** Downloads the Java engines once per checkout, to deploy/engines/target/engines-<hash>. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { livePid, writePid } from './process.ts';
import { SetupError } from './setup-error.ts';

export { SetupError } from './setup-error.ts';

export const OTHER_WAYS =
  'Alternatively, run the engines elsewhere: `docker compose up` starts everything in containers, and KAFKA_BROKERS, REGISTRY_URL and CLICKHOUSE_URL set the addresses of engines that already run.';

/** The Java executable. Throws SetupError when it is missing or too old. */
export function findJava(env: NodeJS.ProcessEnv = process.env): string {
  const java = env['JAVA_HOME'] ? join(env['JAVA_HOME'], 'bin', 'java') : 'java';
  const result = spawnSync(java, ['-version'], { encoding: 'utf8' });
  if (result.error) {
    throw new SetupError(
      `Java is missing: Kafka and the schema registry need a Java runtime, 17 or newer (Debian, Ubuntu: apt install openjdk-17-jre-headless). ${OTHER_WAYS}`,
    );
  }
  const version = /version "(\d+)/.exec(result.stderr)?.[1];
  if (version === undefined || Number(version) < 17) {
    throw new SetupError(`Java 17 or newer is required; ${java} is ${version ?? 'an unknown version'}. ${OTHER_WAYS}`);
  }
  return java;
}

export interface JavaEngines {
  /** Folder of Kafka's jars. */
  kafka: string;
  /** Folder of the registry's release. */
  registry: string;
}

function engines(folder: string): JavaEngines {
  return { kafka: join(folder, 'kafka'), registry: join(folder, 'registry') };
}

/**
 * Downloads and unpacks the engines if they are missing. Several installations may do so at once: one downloads to a
 * temporary folder and renames it when it is complete; the others wait. Throws SetupError.
 */
export async function installEngines(folder: string, say: (message: string) => void): Promise<JavaEngines> {
  const pom = join(folder, 'pom.xml');
  const hash = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12);
  const target = join(folder, 'target');
  const done = join(target, `engines-${hash}`);
  if (existsSync(done)) return engines(done);
  mkdirSync(target, { recursive: true });
  const lock = join(target, 'lock');
  let said = false;
  while (!existsSync(done)) {
    if (!takeLock(lock)) {
      if (!said) say('engines: another installation is downloading them; waiting');
      said = true;
      await sleep(300);
      continue;
    }
    try {
      if (!existsSync(done)) await download(pom, target, done, say);
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
  }
  return engines(done);
}

/** Creating a folder succeeds in exactly one process. A lock whose owner has ended is removed. */
function takeLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    writePid(lock, 'owner', process.pid);
    return true;
  } catch {
    const ageMs = existsSync(lock) ? Date.now() - statSync(lock).mtimeMs : 0;
    if (ageMs > 2_000 && livePid(lock, 'owner') === undefined) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

async function download(pom: string, target: string, done: string, say: (message: string) => void): Promise<void> {
  for (const name of readdirSync(target)) {
    if (name.startsWith('partial-')) rmSync(join(target, name), { recursive: true, force: true });
  }
  const partial = join(target, `partial-${process.pid}`);
  say('engines: downloading Apache Kafka and Apicurio Registry with Maven (about 160 MB, once)');
  await maven(['-B', '-f', pom, 'package', `-Dengines.output=${partial}`], say);
  renameSync(partial, done);
}

function maven(args: string[], say: (message: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('mvn', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let files = 0;
    let saidAt = Date.now();
    const errors: string[] = [];
    const onLine = (line: string): void => {
      if (line.includes('Downloaded from')) files++;
      if (line.includes('ERROR')) errors.push(line);
      if (Date.now() - saidAt < 3_000) return;
      saidAt = Date.now();
      if (files > 0) say(`engines: ${files} ${files === 1 ? 'file' : 'files'} downloaded`);
    };
    createInterface({ input: child.stdout }).on('line', onLine);
    createInterface({ input: child.stderr }).on('line', onLine);
    child.once('error', () => {
      reject(
        new SetupError(
          `Maven is missing: it downloads Kafka and the schema registry (Debian, Ubuntu: apt install maven). ${OTHER_WAYS}`,
        ),
      );
    });
    child.once('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new SetupError(`Maven could not download the engines:\n${errors.slice(0, 8).join('\n')}\n${OTHER_WAYS}`),
        );
    });
  });
}
