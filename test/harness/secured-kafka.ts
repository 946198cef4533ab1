/** A Kafka broker of its own that wants to know who speaks: TLS with certificates, SASL with SCRAM and PLAIN. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findJava, installEngines } from '../../deploy/engines/install.ts';
import { kafkaProperties } from '../../deploy/engines/kafka.ts';
import { portAnswers } from '../../deploy/engines/ports.ts';
import { testPorts } from './ports.ts';

export const USERNAME = 'jane';
export const PASSWORD = 'open sesame';

export interface SecuredKafka {
  /** `host:port` by the protocol that is spoken there. */
  brokers: Record<'ssl' | 'sasl_plaintext' | 'sasl_ssl', string>;
  /** PEM files: whom to believe, and a certificate that the broker believes. */
  caFile: string;
  certificateFile: string;
  keyFile: string;
  close(): Promise<void>;
}

function openssl(folder: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
}

/** An authority of its own, and two certificates of it: the broker's and a client's. */
function makeCertificates(folder: string): void {
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  openssl(folder, 'req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test-ca');
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost');
  for (const name of ['broker', 'client']) {
    openssl(folder, 'req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
    openssl(folder, 'x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...by);
  }
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  writeFileSync(join(folder, 'keystore.pem'), read('broker.key') + read('broker.pem'));
}

function properties(folder: string, [ssl, saslPlain, saslSsl, inner, controllerPort]: number[]): string {
  const at = (name: string, port: number | undefined): string => `${name}://127.0.0.1:${port ?? 0}`;
  const listeners = [
    at('SSL', ssl),
    at('SASL_PLAINTEXT', saslPlain),
    at('SASL_SSL', saslSsl),
    at('PLAINTEXT', inner),
  ].join(',');
  const all = {
    ...kafkaProperties({ dataDir: folder, port: inner ?? 0, controllerPort: controllerPort ?? 0 }),
    listeners: `${listeners},${at('CONTROLLER', controllerPort)}`,
    'advertised.listeners': listeners,
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map':
      'SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.sasl_plaintext.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_${USERNAME}="${PASSWORD}";`,
    ...Object.fromEntries(
      ['sasl_plaintext', 'sasl_ssl'].flatMap((listener) =>
        ['256', '512'].map((size) => [
          `listener.name.${listener}.scram-sha-${size}.sasl.jaas.config`,
          'org.apache.kafka.common.security.scram.ScramLoginModule required;',
        ]),
      ),
    ),
    'listener.name.sasl_ssl.sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.ssl.ssl.client.auth': 'required',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': join(folder, 'keystore.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': join(folder, 'ca.pem'),
  };
  return Object.entries(all)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** Resolves when it takes connections. Needs openssl. */
export async function startSecuredKafka(): Promise<SecuredKafka> {
  const folder = mkdtempSync(join(tmpdir(), 'jane-traits-secured-'));
  mkdirSync(join(folder, 'kafka'));
  makeCertificates(folder);
  const ports = await testPorts(5);
  const config = join(folder, 'server.properties');
  writeFileSync(config, properties(folder, ports));
  const enginesDir = resolve('deploy/engines');
  const java = findJava();
  const { kafka: jars } = await installEngines(enginesDir, () => undefined);
  const jvm = ['-Xmx384m', `-Dlog4j2.configurationFile=${join(enginesDir, 'log4j2.xml')}`, '-cp', join(jars, '*')];
  const users = ['256', '512'].flatMap((size) => [
    '--add-scram',
    `SCRAM-SHA-${size}=[name=${USERNAME},password=${PASSWORD}]`,
  ]);
  const format = ['kafka.tools.StorageTool', 'format', '-t', 'JaneTraitsSecuredTests', '-c', config, ...users];
  const formatted = spawnSync(java, [...jvm, ...format], { encoding: 'utf8' });
  if (formatted.status !== 0) throw new Error(`not formatted: ${formatted.stdout}${formatted.stderr}`);
  const child = spawn(java, [...jvm, 'kafka.Kafka', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = join(folder, 'kafka.log');
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      appendFileSync(log, chunk);
    });
  const exited = once(child, 'close');
  const answering = async (): Promise<boolean> =>
    (await Promise.all(ports.slice(0, 3).map((port) => portAnswers(port)))).every(Boolean);
  for (const deadline = Date.now() + 60_000; !(await answering()); await sleep(200)) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`the broker does not come up:\n${readFileSync(log, 'utf8').slice(-4_000)}`);
  }
  const [ssl = '', saslPlaintext = '', saslSsl = ''] = ports.map((port) => `127.0.0.1:${port}`);
  return {
    brokers: { ssl, sasl_plaintext: saslPlaintext, sasl_ssl: saslSsl },
    caFile: join(folder, 'ca.pem'),
    certificateFile: join(folder, 'client.pem'),
    keyFile: join(folder, 'client.key'),
    async close() {
      child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
