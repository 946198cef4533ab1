/** Shared by the tests of the Kafka port and the runtime: topics of their own in the run's Kafka, and processes to kill. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { systemClock } from '../../lib/clock/index.ts';
import { createKafka, type Kafka, type KafkaRecord } from '../../lib/kafka/index.ts';
import { createLogger, type Logger } from '../../lib/telemetry/index.ts';
import { inject } from 'vitest';
import { startReplyDropper, type ReplyDropper } from '../harness/reply-dropper.ts';

export const brokers = (): string[] => inject('engines').KAFKA_BROKERS.split(',');

export const quiet: Logger = createLogger('test', 'silent');

/** A port to the run's Kafka with a new topic prefix, under which no topic exists yet. */
export function freshKafka(logger: Logger = quiet): Kafka {
  const topicPrefix = `streams-${randomBytes(5).toString('hex')}.`;
  return createKafka({ brokers: brokers(), clientId: 'test', logger, clock: systemClock, topicPrefix });
}

/** A port to the topics of a prefix over connections that break at random, each within `lifeMs`. */
export function brittleKafka(topicPrefix: string, random: () => number, lifeMs: number): Kafka {
  return createKafka({
    brokers: brokers(),
    clientId: 'brittle',
    logger: quiet,
    clock: systemClock,
    topicPrefix,
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port }, onConnect).setNoDelay(true);
      // One in twenty connections falls silent instead, as behind a broken router.
      const how = random() < 0.95 ? new Error('broken') : undefined;
      const timer = setTimeout(() => socket.destroy(how), random() * lifeMs);
      socket.once('close', () => clearTimeout(timer));
      return socket;
    },
  });
}

/** A port to the topics of a prefix over connections that all fall silent at once, as behind a broken router, without being closed. */
export async function quietingKafka(
  topicPrefix: string,
): Promise<{ kafka: Kafka; fallSilent(): void; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).resume();
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  let isSilent = false;
  const kafka = createKafka({
    brokers: brokers(),
    clientId: 'quieting',
    logger: quiet,
    clock: systemClock,
    topicPrefix,
    socketFactory: ({ host, port, onConnect }) => {
      const to = isSilent ? { port: (silent.address() as AddressInfo).port } : { host, port };
      const socket = connect(to, onConnect).setNoDelay(true);
      sockets.add(socket);
      return socket.once('close', () => sockets.delete(socket));
    },
  });
  return {
    kafka,
    fallSilent() {
      isSilent = true;
      for (const socket of sockets) socket.pause();
    },
    async close() {
      await kafka.close();
      for (const socket of sockets) socket.destroy();
      silent.close();
    },
  };
}

/** The same corner over connections on which replies can be lost. */
export async function losingKafka(
  topicPrefix: string,
): Promise<{ kafka: Kafka; dropper: ReplyDropper; close(): Promise<void> }> {
  const [host = '', port = ''] = brokers()[0]!.split(':');
  const dropper = await startReplyDropper({ host, port: Number(port) });
  const kafka = createKafka({
    brokers: brokers(),
    clientId: 'losing',
    logger: quiet,
    clock: systemClock,
    topicPrefix,
    socketFactory: ({ onConnect }) => connect({ host: '127.0.0.1', port: dropper.port }, onConnect).setNoDelay(true),
  });
  return {
    kafka,
    dropper,
    async close() {
      await kafka.close();
      await dropper.close();
    },
  };
}

export const APPEND_TIME = { 'message.timestamp.type': 'LogAppendTime' };

/** Waits until `holds`; throws after `timeoutMs`, with what was `seen` last. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
  seen: () => unknown = () => '',
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms; ${JSON.stringify(seen())}`);
    await sleep(20);
  }
}

/** All records that a topic has now, one partition after the other. */
export async function readAll(
  kafka: Kafka,
  topic: string,
  isolation: 'read_committed' | 'read_uncommitted' = 'read_committed',
): Promise<KafkaRecord[]> {
  const ends = await kafka.endOffsets(topic);
  const reader = kafka.createReader({ isolation });
  const found = ends.map((): KafkaRecord[] => []);
  const at = ends.map(() => 0);
  reader.assign(ends.map((_, partition) => ({ topic, partition, offset: 0 })));
  try {
    await until(
      `reading ${topic}`,
      async () => {
        if (ends.every((end, p) => at[p]! >= end)) return true;
        for (const batch of await reader.poll(200)) {
          found[batch.partition]!.push(...batch.records);
          at[batch.partition] = batch.nextOffset;
        }
        return false;
      },
      30_000,
      () => ({ at, ends }),
    );
  } finally {
    await reader.close();
  }
  return found.flat();
}

export interface Child {
  process: ChildProcess;
  /** Lines of its stdout. */
  lines: string[];
  exited: Promise<string>;
}

const children = new Set<ChildProcess>();
let bundles = '';

/** Runs a TypeScript file of this folder in a process of its own. */
export async function startChild(file: string, env: Record<string, string>): Promise<Child> {
  // Inside the project, so that it finds its packages.
  bundles ||= mkdtempSync(join(import.meta.dirname, '../../node_modules/.streams-test-'));
  const outfile = join(bundles, file.replace(/\.ts$/, '.mjs'));
  await build({
    entryPoints: [join(import.meta.dirname, file)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile,
    logLevel: 'error',
  });
  const child = spawn(process.execPath, [outfile], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const exited = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => {
      children.delete(child);
      resolve(signal ?? String(code));
    });
  });
  return { process: child, lines, exited };
}

/** Kills the remaining child processes and deletes their bundles. */
export async function cleanUp(): Promise<void> {
  for (const child of children) child.kill('SIGKILL');
  await until('children gone', () => children.size === 0);
  if (bundles !== '') rmSync(bundles, { recursive: true, force: true });
  bundles = '';
}
