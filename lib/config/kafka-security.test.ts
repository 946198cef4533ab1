import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, defineConfig, loadConfig } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'jane-traits-security-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string): string => {
  const path = join(folder, name);
  writeFileSync(path, `text of ${name}`);
  return path;
};

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
    expect(securityOf({ ...LOGIN, KAFKA_SSL_CA_FILE: file('ca') })).toEqual({});
  });

  it('is what the protocol says', () => {
    const sasl = { mechanism: 'scram-sha-512', username: 'jane', password: 'open sesame' };
    expect(securityOf({ ...LOGIN, KAFKA_SECURITY_PROTOCOL: 'sasl_plaintext' })).toEqual({ sasl });
    expect(securityOf({ ...LOGIN, KAFKA_SECURITY_PROTOCOL: 'sasl_ssl', KAFKA_SASL_MECHANISM: 'plain' })).toEqual({
      tls: {},
      sasl: { ...sasl, mechanism: 'plain' },
    });
    const files = {
      KAFKA_SSL_CA_FILE: file('ca'),
      KAFKA_SSL_CERTIFICATE_FILE: file('cert'),
      KAFKA_SSL_KEY_FILE: file('key'),
    };
    expect(securityOf({ ...files, KAFKA_SECURITY_PROTOCOL: 'ssl' })).toEqual({
      tls: { ca: 'text of ca', cert: 'text of cert', key: 'text of key' },
    });
  });

  it('never comes along when a configuration is shown', () => {
    const config = loadConfig(definition, { ...ELSEWHERE, ...LOGIN, KAFKA_SECURITY_PROTOCOL: 'sasl_ssl' }, []);
    expect(Object.keys(config)).not.toContain('kafkaSecurity');
  });

  it('tells everything that is missing or does not fit, with its variable', () => {
    expect(problemsOf({ KAFKA_SECURITY_PROTOCOL: 'sasl_ssl', KAFKA_SSL_CA_FILE: join(folder, 'nowhere') })).toEqual([
      'KAFKA_BROKERS is missing: what npm start runs of its own speaks plaintext, not sasl_ssl',
      'REGISTRY_URL is missing: what npm start runs of its own speaks plaintext, not sasl_ssl',
      'KAFKA_SASL_USERNAME is missing: KAFKA_SECURITY_PROTOCOL is sasl_ssl',
      'KAFKA_SASL_PASSWORD is missing: KAFKA_SECURITY_PROTOCOL is sasl_ssl',
      expect.stringMatching(/^KAFKA_SSL_CA_FILE cannot be read: ENOENT/),
    ]);
    expect(problemsOf({ KAFKA_SSL_KEY_FILE: file('key') })).toEqual([
      'KAFKA_SSL_CERTIFICATE_FILE and KAFKA_SSL_KEY_FILE belong together: give both or neither',
    ]);
    expect(problemsOf({ ...ELSEWHERE, KAFKA_SECURITY_PROTOCOL: 'SSL' })).toEqual([
      'KAFKA_SECURITY_PROTOCOL must be one of plaintext, ssl, sasl_plaintext, sasl_ssl, not "SSL"',
    ]);
  });
});
