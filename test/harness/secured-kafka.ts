/** A Kafka broker of its own that wants to know who speaks: TLS with certificates, SASL with SCRAM and PLAIN. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaProperties } from '../../deploy/engines/kafka.ts';
import { createBroker } from './broker.ts';
import { testPorts } from './ports.ts';

export const USERNAME = 'jane';
export const PASSWORD = 'open sesame';

export interface SecuredKafka {
  /** `host:port` by the protocol that is spoken there. */
  brokers: Record<'ssl' | 'sasl_plaintext' | 'sasl_ssl', string>;
  /** PEM files: the authority to trust, and a certificate that the broker trusts. */
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

function properties(folder: string, [ssl, saslPlain, saslSsl, inner, controllerPort]: number[]) {
  const at = (name: string, port: number | undefined): string => `${name}://127.0.0.1:${port ?? 0}`;
  const listeners = [
    at('SSL', ssl),
    at('SASL_PLAINTEXT', saslPlain),
    at('SASL_SSL', saslSsl),
    at('PLAINTEXT', inner),
  ].join(',');
  return {
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
}

/** Resolves when it takes connections. Needs openssl. */
export async function startSecuredKafka(): Promise<SecuredKafka> {
  const folder = mkdtempSync(join(tmpdir(), 'jane-traits-secured-'));
  makeCertificates(folder);
  const ports = await testPorts(5);
  const broker = await createBroker({
    folder,
    properties: properties(folder, ports),
    clusterId: 'JaneTraitsSecuredTests',
    ports: ports.slice(0, 3),
    formatting: ['256', '512'].flatMap((size) => [
      '--add-scram',
      `SCRAM-SHA-${size}=[name=${USERNAME},password=${PASSWORD}]`,
    ]),
  });
  await broker.start();
  const [ssl = '', saslPlaintext = '', saslSsl = ''] = ports.map((port) => `127.0.0.1:${port}`);
  return {
    brokers: { ssl, sasl_plaintext: saslPlaintext, sasl_ssl: saslSsl },
    caFile: join(folder, 'ca.pem'),
    certificateFile: join(folder, 'client.pem'),
    keyFile: join(folder, 'client.key'),
    async close() {
      await broker.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
