import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, choice, defineConfig, flag, helpText, integer, loadConfig, mistyped, text } from './index.ts';

const definition = defineConfig({
  name: 'sample',
  doc: 'A process.',
  fields: {
    BATCH_SIZE: integer(100, 'Records at once.', { min: 1, max: 1000, unit: 'records' }),
    ORDER: choice(['first', 'last'], 'first', 'Which end.'),
    VERBOSE: flag(false, 'Says more.'),
    OWNER: { ...text('', 'Who.'), fallback: undefined },
  },
});

const load = (env: Record<string, string>, argv: string[] = []) => loadConfig(definition, env, argv);

function problemsOf(env: Record<string, string>, argv: string[] = []): string[] {
  try {
    load(env, argv);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('loadConfig', () => {
  it('reads values, and takes an empty variable for one that is not given', () => {
    const config = load({ OWNER: 'me', BATCH_SIZE: '7', ORDER: '', VERBOSE: 'true' });
    expect(config).toMatchObject({
      owner: 'me',
      batchSize: 7,
      order: 'first',
      verbose: true,
      dataDir: '.data',
      apiPort: 7000,
    });
  });

  it('builds the addresses of its own engines on their ports, unless they are given', () => {
    const config = load({
      OWNER: 'me',
      KAFKA_PORT: '9',
      REGISTRY_PORT: '10',
      CLICKHOUSE_HTTP_PORT: '11',
      INGEST_PORT: '12',
    });
    expect(config.kafkaBrokers).toEqual(['127.0.0.1:9']);
    expect(config.registryUrl).toBe('http://127.0.0.1:10/apis/ccompat/v7');
    expect(config.clickhouseUrl).toBe('http://127.0.0.1:11');
    expect(config.ingestUrl).toBe('http://127.0.0.1:12');
    const given = load({ OWNER: 'me', KAFKA_BROKERS: 'a:1, b:2', CLICKHOUSE_URL: 'https://ch.example/' });
    expect(given.kafkaBrokers).toEqual(['a:1', 'b:2']);
    expect(given.clickhouseUrl).toBe('https://ch.example');
  });

  it('tells every problem at once, each with its variable', () => {
    const problems = problemsOf(
      {
        BATCH_SIZE: '1001',
        ORDER: 'middle',
        VERBOSE: 'yes',
        API_PORT: '70000',
        PARTITIONS: '8.5',
        KAFKA_BROKERS: 'nowhere',
        REGISTRY_URL: 'ftp://x',
        CLICKHOUSE_DATABASE: 'a-b',
        ADMIN_KEY: 'short',
        SECRET_KEY: 'xyz',
      },
      ['--verbose'],
    );
    const named = problems.map((problem) => problem.split(' ')[0]);
    expect(named.sort()).toEqual([
      '--verbose',
      'ADMIN_KEY',
      'API_PORT',
      'BATCH_SIZE',
      'CLICKHOUSE_DATABASE',
      'KAFKA_BROKERS',
      'ORDER',
      'OWNER',
      'PARTITIONS',
      'REGISTRY_URL',
      'SECRET_KEY',
      'VERBOSE',
    ]);
  });

  it('does not complain of what is only built on a value that is wrong', () => {
    const problems = problemsOf({ OWNER: 'me', KAFKA_PORT: 'x', INGEST_PORT: '0' });
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual(['INGEST_PORT', 'KAFKA_PORT']);
  });

  it('shows the value that is wrong, but never a secret one', () => {
    expect(problemsOf({ OWNER: 'me', ORDER: 'middle' })[0]).toContain('"middle"');
    expect(problemsOf({ OWNER: 'me', ADMIN_KEY: 'hunter2', SECRET_KEY: 'hunter3' }).join()).not.toMatch(/hunter/);
  });

  it('makes the keys of a new folder once, readable by its owner alone, and keeps them out of what is printed', () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'jane-config-'));
    const first = load({ OWNER: 'me', DATA_DIR: dataDir });
    const key = first.adminKey;
    expect(key).toMatch(/^jta_.{32}$/);
    expect(load({ OWNER: 'me', DATA_DIR: dataDir }).adminKey).toBe(key);
    expect(readFileSync(join(dataDir, 'admin-key'), 'utf8').trim()).toBe(key);
    expect(statSync(join(dataDir, 'admin-key')).mode & 0o777).toBe(0o600);
    expect(first.secretKey).toHaveLength(32);
    expect(load({ OWNER: 'me', DATA_DIR: dataDir }).secretKey.equals(first.secretKey)).toBe(true);
    expect(JSON.stringify(first)).not.toContain(key);
    expect(load({ OWNER: 'me', DATA_DIR: dataDir, ADMIN_KEY: 'k'.repeat(20) }).adminKey).toBe('k'.repeat(20));
  });
});

describe('mistyped', () => {
  it('names what is a slip away from a variable that is read, and nothing else', () => {
    const env = { API_PRT: '1', KAFKA_BROKER: 'a:1', kafka_port: '2', CLICKHOUSE_USR: 'u', SECRET_KEYS: 'k' };
    expect(mistyped(env, [definition])).toEqual([
      'API_PRT is not a known variable; did you mean API_PORT?',
      'KAFKA_BROKER is not a known variable; did you mean KAFKA_BROKERS?',
      'kafka_port is not a known variable; did you mean KAFKA_PORT?',
      'CLICKHOUSE_USR is not a known variable; did you mean CLICKHOUSE_USER?',
      'SECRET_KEYS is not a known variable; did you mean SECRET_KEY?',
    ]);
    const fine = {
      API_PORT: '1',
      BATCH_SIZE: '1',
      HOME: '/',
      HOSTNAME: 'h',
      PORT: '80',
      KAFKA_HEAP_OPTS: '',
      API_PRT: '',
    };
    expect(mistyped(fine, [definition])).toEqual([]);
  });
});

describe('helpText', () => {
  it('names every variable with default, unit and meaning', () => {
    const help = helpText(definition);
    for (const variable of Object.keys(definition.fields)) expect(help).toContain(`  ${variable}  [`);
    expect(help).toContain('BATCH_SIZE  [100]\n      Records at once. (a whole number from 1 to 1000, in records)');
    expect(help).toContain('OWNER  [(required)]');
    expect(help).toContain('KAFKA_BROKERS  [127.0.0.1:$KAFKA_PORT]');
    expect(help).toContain('ADMIN_KEY');
  });
});
