import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redact } from '../telemetry/index.ts';
import { ConfigError, defineConfig, loadConfig } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'jane-traits-security-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
/** Certificates of their own, `one` and `other`, with their keys. */
beforeAll(() => {
  const form = ['req', '-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', '2'];
  for (const name of ['one', 'other'])
    execFileSync(
      'openssl',
      [...form, '-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
  writeFileSync(at('text'), 'what somebody wrote');
  writeFileSync(at('one.der'), new X509Certificate(readFileSync(at('one.pem'))).raw);
});

const definition = defineConfig({ name: 'sample', doc: 'A process.', fields: {} });
const ELSEWHERE = { KAFKA_BROKERS: 'kafka.example:9093', REGISTRY_URL: 'https://registry.example' };
const LOGIN = { KAFKA_SASL_USERNAME: 'jane', KAFKA_SASL_PASSWORD: 'open sesame' };
const securityOf = (env: Record<string, string>) => loadConfig(definition, { ...ELSEWHERE, ...env }, []).kafkaSecurity;

function problemsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(definition, env, []);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('how Kafka is spoken to', () => {
  it('is plain unless it is said otherwise', () => {
    expect(securityOf({})).toEqual({});
  });

  it('is what the protocol says', () => {
    const sasl = { mechanism: 'scram-sha-512', username: 'jane', password: 'open sesame' };
    expect(securityOf({ ...LOGIN, KAFKA_SECURITY_PROTOCOL: 'sasl_plaintext' })).toEqual({ sasl });
    expect(securityOf({ ...LOGIN, KAFKA_SECURITY_PROTOCOL: 'sasl_ssl', KAFKA_SASL_MECHANISM: 'plain' })).toEqual({
      tls: {},
      sasl: { ...sasl, mechanism: 'plain' },
    });
    const files = {
      KAFKA_SSL_CA_FILE: at('other.pem'),
      KAFKA_SSL_CERTIFICATE_FILE: at('one.pem'),
      KAFKA_SSL_KEY_FILE: at('one.key'),
    };
    const [ca, cert, key] = Object.values(files).map((path) => readFileSync(path, 'utf8'));
    expect(securityOf({ ...files, KAFKA_SECURITY_PROTOCOL: 'ssl' })).toEqual({ tls: { ca, cert, key } });
  });

  it('keeps its secrets when a configuration is logged', () => {
    const secrets = { REGISTRY_USER: 'jane', REGISTRY_PASSWORD: 'open sesame', CLICKHOUSE_PASSWORD: 'open sesame' };
    const env = { ...ELSEWHERE, ...LOGIN, ...secrets, KAFKA_SECURITY_PROTOCOL: 'sasl_ssl' };
    const config = loadConfig(definition, env, []);
    expect([config.kafkaSaslPassword, config.registryPassword, config.clickhousePassword]).toEqual(
      Array.from({ length: 3 }, () => 'open sesame'),
    );
    for (const fields of [config, { config }, { security: config.kafkaSecurity }]) {
      const logged = JSON.stringify(redact(fields));
      expect(logged).toContain('jane');
      expect(logged).not.toContain('sesame');
    }
  });

  it('looks into the files before anything connects', () => {
    const ssl = { ...ELSEWHERE, KAFKA_SECURITY_PROTOCOL: 'ssl' };
    const text = at('text');
    const files = { KAFKA_SSL_CA_FILE: text, KAFKA_SSL_CERTIFICATE_FILE: text, KAFKA_SSL_KEY_FILE: text };
    expect(problemsOf({ ...ssl, ...files })).toEqual([
      `KAFKA_SSL_CA_FILE does not contain a certificate in PEM format: ${text}`,
      `KAFKA_SSL_CERTIFICATE_FILE does not contain a certificate in PEM format: ${text}`,
      `KAFKA_SSL_KEY_FILE does not contain a private key without a passphrase in PEM format: ${text}`,
    ]);
    const der = { KAFKA_SSL_CA_FILE: at('one.der') };
    expect(problemsOf({ ...ssl, ...der })).toEqual([
      `KAFKA_SSL_CA_FILE does not contain a certificate in PEM format: ${at('one.der')}`,
    ]);
    const pair = { KAFKA_SSL_CERTIFICATE_FILE: at('one.pem'), KAFKA_SSL_KEY_FILE: at('other.key') };
    expect(problemsOf({ ...ssl, ...pair })).toEqual([
      'KAFKA_SSL_KEY_FILE is not the key of KAFKA_SSL_CERTIFICATE_FILE',
    ]);
  });

  it('uses what it is given, or says that it would not', () => {
    const unused = {
      ...LOGIN,
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SSL_CA_FILE: at('one.pem'),
      REGISTRY_PASSWORD: 'open sesame',
    };
    expect(problemsOf(unused)).toEqual([
      'KAFKA_SASL_USERNAME is set but not used when KAFKA_SECURITY_PROTOCOL is plaintext',
      'KAFKA_SASL_PASSWORD is set but not used when KAFKA_SECURITY_PROTOCOL is plaintext',
      'KAFKA_SASL_MECHANISM is set but not used when KAFKA_SECURITY_PROTOCOL is plaintext',
      'KAFKA_SSL_CA_FILE is set but not used when KAFKA_SECURITY_PROTOCOL is plaintext',
      'REGISTRY_PASSWORD is set but not used without REGISTRY_USER',
    ]);
  });

  it('takes no password in an address, and does not repeat it', () => {
    expect(problemsOf({ REGISTRY_URL: 'https://jane:sesame@registry.example' })).toEqual([
      'REGISTRY_URL must be a URL without user and password, not "https://…@registry.example"',
    ]);
    for (const password of ['sesame', 'open/sesame', 'open,sesame+', 'open@sesame'])
      for (const env of [
        { KAFKA_BROKERS: `jane:${password}@kafka:9092` },
        { REGISTRY_URL: `https://jane:${password}@registry:x` },
        { CLICKHOUSE_URL: `jane:${password}@clickhouse` },
      ])
        expect(problemsOf(env).join()).toMatch(/^(?!.*(jane|open|sesame)).*…@/);
  });

  it('tells everything that is missing or does not fit, with its variable', () => {
    expect(problemsOf({ KAFKA_SECURITY_PROTOCOL: 'sasl_ssl', KAFKA_SSL_CA_FILE: join(folder, 'nowhere') })).toEqual([
      'KAFKA_BROKERS is required: the engines that npm start runs use plaintext, not sasl_ssl',
      'REGISTRY_URL is required: the engines that npm start runs use plaintext, not sasl_ssl',
      'KAFKA_SASL_USERNAME is required when KAFKA_SECURITY_PROTOCOL is sasl_ssl',
      'KAFKA_SASL_PASSWORD is required when KAFKA_SECURITY_PROTOCOL is sasl_ssl',
      expect.stringMatching(/^cannot read KAFKA_SSL_CA_FILE: ENOENT/),
    ]);
    const ssl = { ...ELSEWHERE, KAFKA_SECURITY_PROTOCOL: 'ssl' };
    expect(problemsOf({ ...ssl, KAFKA_SSL_KEY_FILE: at('one.key') })).toEqual([
      'KAFKA_SSL_CERTIFICATE_FILE and KAFKA_SSL_KEY_FILE must be set together',
    ]);
    expect(problemsOf({ ...ELSEWHERE, KAFKA_SECURITY_PROTOCOL: 'SSL' })).toEqual([
      'KAFKA_SECURITY_PROTOCOL must be one of plaintext, ssl, sasl_plaintext, sasl_ssl, not "SSL"',
    ]);
  });
});
