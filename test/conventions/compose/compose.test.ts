/** docker-compose.yml and deploy/Dockerfile, which cannot be run where this project is tested, held to all they name. */
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import Ajv from 'ajv/dist/2019.js';
import { describe, expect, it } from 'vitest';
import { kafkaProperties } from '../../../deploy/engines/kafka.ts';
import { registryProperties } from '../../../deploy/engines/registry.ts';
import { COMMON, loadConfig, type Definition, type Field } from '../../../lib/config/index.ts';
import { SERVICE_CONFIGS } from '../../../scripts/installation/definitions.ts';
import { serviceCommand } from '../../../scripts/installation/services.ts';
import { environmentOf, interpolate, readCompose, type Container } from './compose.ts';

const TEXT = readFileSync('docker-compose.yml', 'utf8');
const DOCKERFILE = readFileSync('deploy/Dockerfile', 'utf8');
const compose = readCompose(TEXT);
const containers = Object.entries(compose.services);

type Name = keyof typeof SERVICE_CONFIGS;
const NAMES = Object.keys(SERVICE_CONFIGS) as Name[];
const configOf = (name: Name): Definition<Record<string, Field<unknown>>> => SERVICE_CONFIGS[name];

function container(name: string): Container {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
  return found;
}

/** The common variables as the process in a container has them. */
function settings(name: Name) {
  return loadConfig(configOf(name), environmentOf(container(name)), []);
}

function fallback(variable: keyof typeof COMMON): string {
  const given = COMMON[variable].fallback;
  if (typeof given !== 'string') throw new Error(`${variable} has no plain default`);
  return given;
}

/** Instructions of the Dockerfile in order. */
const instructions = DOCKERFILE.split('\n')
  .filter((line) => /^[A-Z]+ /.test(line))
  .map((line) => {
    const [word = '', ...rest] = line.split(' ');
    return { word, rest: rest.join(' ') };
  });
const argumentsOf = (word: string): string[] => instructions.filter((one) => one.word === word).map(({ rest }) => rest);

describe('the Compose specification', () => {
  const { $schema: _, ...schema } = JSON.parse(
    readFileSync('test/conventions/compose/compose-spec.json', 'utf8'),
  ) as Record<string, unknown>;
  const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
  const problems = (file: unknown): string[] => {
    validate(file);
    return (validate.errors ?? []).map(({ dataPath, message = '' }) => `${dataPath} ${message}`);
  };

  it('is kept', () => {
    expect(problems(compose)).toEqual([]);
  });

  it('would refuse what is wrong', () => {
    const changed = (edit: (file: ReturnType<typeof readCompose>) => void): string[] => {
      const file = readCompose(TEXT);
      edit(file);
      return problems(file);
    };
    const api = (edit: (one: Record<string, unknown>) => void) =>
      changed((file) => edit(file.services['api'] as unknown as Record<string, unknown>));
    expect(api((one) => (one['healtcheck'] = {}))).not.toEqual([]);
    expect(api((one) => (one['ports'] = '7000:7000'))).not.toEqual([]);
    expect(api((one) => (one['depends_on'] = { kafka: { condition: 'healthy' } }))).not.toEqual([]);
    expect(changed((file) => Object.assign(file, { service: {} }))).not.toEqual([]);
  });
});

describe('services', () => {
  it('each has one container, which runs what npm start runs', () => {
    const entrypoint = JSON.parse(argumentsOf('ENTRYPOINT')[0] ?? '[]') as string[];
    const folder = argumentsOf('WORKDIR').at(-1) ?? '';
    for (const name of NAMES) {
      const [program, ...given] = [...entrypoint, ...(container(name).command ?? [])];
      const resolved = given.map((argument) => (argument.startsWith('-') ? argument : posix.join(folder, argument)));
      expect([program, ...resolved], name).toEqual(['node', ...serviceCommand(folder, name)]);
    }
    const built = containers.filter(([, one]) => one.build !== undefined).map(([name]) => name);
    expect(built.sort()).toEqual([...NAMES, 'registry-topics'].sort());
  });

  it.each(NAMES)('%s is given what it reads, and nothing else', (name) => {
    const env = environmentOf(container(name));
    const known = [...Object.keys(configOf(name).fields), 'ADMIN_KEY', 'SECRET_KEY'];
    expect(Object.keys(env).filter((variable) => !known.includes(variable))).toEqual([]);
    expect(() => settings(name)).not.toThrow();
    // Its own variables can all be set from outside, and stand here with their defaults.
    expect(configOf(name).own.filter((variable) => !(variable in env) && variable !== 'CONSOLE_DIR')).toEqual([]);
    const defaults = loadConfig(configOf(name), {}, []) as unknown as Record<string, unknown>;
    for (const [key, value] of Object.entries(settings(name))) {
      const told = /^(host|advertisedHost|healthPort|dataDir|.*Url|kafkaBrokers|clickhousePassword)$/.test(key);
      if (!told) expect(value, key).toEqual(defaults[key]);
    }
  });

  it('find each other and the engines', () => {
    for (const name of NAMES) {
      const config = settings(name);
      expect(config.host).toBe('0.0.0.0');
      expect(config.advertisedHost).toBe(name);
      const [broker = ''] = config.kafkaBrokers;
      expect(environmentOf(container('kafka'))['KAFKA_ADVERTISED_LISTENERS']).toContain(`INSIDE://${broker},`);
      expect(config.registryUrl).toBe('http://registry:8080/apis/ccompat/v7');
      expect(new URL(config.registryUrl).pathname).toBe(
        new URL(loadConfig(configOf(name), {}, []).registryUrl).pathname,
      );
    }
    for (const name of ['sink', 'api'] as const) {
      expect(settings(name).clickhouseUrl).toBe('http://clickhouse:8123');
      const { CLICKHOUSE_USER, CLICKHOUSE_PASSWORD } = environmentOf(container('clickhouse'));
      expect(settings(name)).toMatchObject({
        clickhouseUser: CLICKHOUSE_USER,
        clickhousePassword: CLICKHOUSE_PASSWORD,
      });
    }
    const api = loadConfig(SERVICE_CONFIGS.api, environmentOf(container('api')), []);
    expect(api.ingestInternalUrl).toBe(`http://ingest:${settings('ingest').ingestPort}`);
    expect(api.ingestUrl).toBe(`http://127.0.0.1:${settings('ingest').ingestPort}`);
    const moved = readCompose(TEXT, { INGEST_PORT: '8001' }).services['api']?.environment ?? {};
    expect(moved['INGEST_URL']).toBe('http://127.0.0.1:8001');
  });

  it('that hold keys share them; the keys outlive the containers', () => {
    const withKeys = NAMES.filter((name) => 'ADMIN_KEY' in environmentOf(container(name)));
    expect(withKeys.sort()).toEqual(['api', 'delivery', 'ingest']);
    for (const name of withKeys) expect(container(name).volumes).toEqual([`keys:${settings(name).dataDir}`]);
  });

  it('are asked whether they are ready, and given the time to drain', () => {
    for (const name of NAMES) {
      const { healthcheck, stop_grace_period } = container(name);
      expect(healthcheck?.test?.join(' ')).toContain(`http://127.0.0.1:${settings(name).healthPort}/readyz`);
      expect(Number.parseInt(stop_grace_period ?? '0', 10)).toBeGreaterThan(20);
    }
  });
});

describe('ports, volumes, order', () => {
  it('listen on this machine alone, where npm start listens', () => {
    const published = containers.flatMap(([, { ports = [] }]) => ports);
    const variables = [
      'API_PORT',
      'INGEST_PORT',
      'KAFKA_PORT',
      'REGISTRY_PORT',
      'CLICKHOUSE_HTTP_PORT',
      'CLICKHOUSE_TCP_PORT',
    ] as const;
    const outside = published.map((port) => port.split(':').slice(0, 2).join(':'));
    expect(outside.sort()).toEqual(variables.map((variable) => `127.0.0.1:${fallback(variable)}`).sort());
    // Each can be moved by its variable, and the container's side stays.
    for (const variable of variables) {
      const moved = Object.values(readCompose(TEXT, { [variable]: '1' }).services).flatMap(({ ports = [] }) => ports);
      const changed = moved.filter((port) => !published.includes(port));
      expect(changed, variable).toHaveLength(1);
      expect(published).toContain(changed[0]?.replace(':1:', `:${fallback(variable)}:`));
    }
    expect(container('api').ports?.[0]).toMatch(new RegExp(`:${settings('api').apiPort}$`));
    expect(container('ingest').ports?.[0]).toMatch(new RegExp(`:${settings('ingest').ingestPort}$`));
  });

  it('keep what must be kept in volumes that exist', () => {
    const mounts = containers.flatMap(([name, { volumes = [] }]) => volumes.map((mount) => ({ name, mount })));
    expect(new Set(mounts.map(({ mount }) => mount.split(':')[0]))).toEqual(new Set(Object.keys(compose.volumes)));
    expect(container('kafka').volumes).toEqual([`kafka:${environmentOf(container('kafka'))['KAFKA_LOG_DIRS'] ?? ''}`]);
    expect(container('clickhouse').volumes).toEqual(['clickhouse:/var/lib/clickhouse']);
  });

  it('wait for what has a health check, or for what ends', () => {
    for (const [name, { depends_on = {}, healthcheck, restart }] of containers) {
      const ends = restart === 'no';
      expect(healthcheck?.test !== undefined && !ends, name).toBe(!ends);
      for (const [needed, { condition }] of Object.entries(depends_on)) {
        const { restart: ofNeeded } = container(needed);
        expect(condition, `${name} → ${needed}`).toBe(
          ofNeeded === 'no' ? 'service_completed_successfully' : 'service_healthy',
        );
      }
    }
    expect(Object.keys(container('registry').depends_on ?? {})).toEqual(['registry-topics']);
  });
});

describe('engines', () => {
  const pom = readFileSync('deploy/engines/pom.xml', 'utf8');
  const inPom = (property: string): string => new RegExp(`<${property}>([^<]+)<`).exec(pom)?.[1] ?? '';
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
    engines: { node: string };
    optionalDependencies: Record<string, string>;
  };

  it('have the versions of npm start', () => {
    expect(container('kafka').image).toBe(`apache/kafka:${inPom('kafka.version')}`);
    expect(container('registry').image).toBe(`apicurio/apicurio-registry:${inPom('apicurio.version')}`);
    const embedded = manifest.optionalDependencies['@chdb/lib-linux-x64-gnu'] ?? '';
    expect(container('clickhouse').image).toBe(
      `clickhouse/clickhouse-server:${embedded.split('.').slice(0, 2).join('.')}`,
    );
  });

  /** The way that each image goes from a variable to a property. */
  const variable = (prefix: string, property: string): string =>
    `${prefix}${property.replace(/[^A-Za-z0-9]/g, '_').toUpperCase()}`;

  it('Kafka has the settings of npm start, but for addresses', () => {
    const env = environmentOf(container('kafka'));
    const own = /^(listeners|advertised\.listeners|listener\..*|controller\.quorum\.voters|log\.dirs)$/;
    for (const [property, value] of Object.entries(kafkaProperties({ dataDir: '', port: 1, controllerPort: 2 }))) {
      const name = variable('KAFKA_', property);
      if (own.test(property)) expect(env, name).toHaveProperty(name);
      else expect(env[name], name).toBe(String(value));
    }
  });

  it('so has the registry', () => {
    const env = environmentOf(container('registry'));
    for (const [property, value] of Object.entries(registryProperties(['kafka:9092']))) {
      // Its logs are the responsibility of those who run the containers.
      if (!property.startsWith('quarkus.log.')) expect(env[variable('', property)], property).toBe(String(value));
    }
  });

  it('Node is the version that the project asks for', () => {
    const [major = ''] = manifest.engines.node.replace('>=', '').split('.');
    for (const image of argumentsOf('FROM')) expect(image).toMatch(new RegExp(`^node:${major}-`));
  });
});

describe('the Dockerfile', () => {
  it('is the one that Compose builds, and states that nobody has tested it', () => {
    for (const [, { build }] of containers) {
      if (build) expect(build).toEqual({ context: '.', dockerfile: 'deploy/Dockerfile' });
    }
    for (const text of [TEXT, DOCKERFILE]) expect(text.split('\n').slice(0, 4).join('\n')).toContain('NOT TESTED');
  });

  it('copies what is there, and builds by the scripts of npm start', () => {
    const sources = argumentsOf('COPY')
      .filter((rest) => !rest.startsWith('--from'))
      .flatMap((rest) => rest.split(' ').slice(0, -1));
    for (const path of sources) expect(existsSync(path), path).toBe(true);
    const programs = [...DOCKERFILE.matchAll(/node scripts\/run\.mjs ([a-z-]+)/g)].map((match) => match[1] ?? '');
    expect(programs).toEqual(['build', 'registry-topics']);
    for (const name of programs) expect(existsSync(join('scripts', `${name}.ts`)), name).toBe(true);
    expect(container('registry-topics').command).toEqual(['dist/scripts/registry-topics.js']);
  });

  it('is sent every folder that the build reads, and no secrets', () => {
    const ignore = readFileSync('.dockerignore', 'utf8').split('\n');
    expect(ignore[0]).toBe('*');
    const sent = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    const run = readFileSync('scripts/run.mjs', 'utf8');
    const built = [...(/const SOURCES = \[([^\]]*)\]/.exec(run)?.[1] ?? '').matchAll(/'([^']+)'/g)].map((m) => m[1]);
    expect(built.length).toBeGreaterThan(3);
    expect(sent).toEqual(expect.arrayContaining([...built, 'web', 'package.json', 'package-lock.json', '.npmrc']));
    for (const path of sent) expect(existsSync(path), path).toBe(true);
    expect(sent.filter((path) => path.startsWith('.data'))).toEqual([]);
  });
});

describe('variables', () => {
  it('are read as Compose reads them', () => {
    expect(interpolate('a${B:-c}d$$e', {})).toBe('acd$e');
    expect(interpolate('${B:-c}', { B: '' })).toBe('c');
    expect(interpolate('${B-c}', { B: '' })).toBe('');
    expect(interpolate('${A:-http://x:${B:-1}}', {})).toBe('http://x:1');
    expect(interpolate('${A:-http://x:${B:-1}}', { B: '2' })).toBe('http://x:2');
    expect(() => interpolate('${A}', {})).toThrow('A has no default');
  });
});
