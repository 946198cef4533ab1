/**
 * Strict configuration by environment variables. One description of each variable serves for validation, --help and
 * docs/configuration.md.
 */
import { COMMON } from './common.ts';
import type { Field } from './fields.ts';
import type { KafkaSecurity } from '../kafka/types.ts';
import { kafkaSecurity, securityProblems } from './kafka-security.ts';
import { adminKey, keyProblems, secretKey } from './keys.ts';

export { brokers, choice, flag, integer, port, secret, text, url } from './fields.ts';
export type { Field } from './fields.ts';
export { COMMON } from './common.ts';

/** INGEST_PORT → ingestPort. */
type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<Camel<Tail>>}`
  : Lowercase<S>;
type Fields = Readonly<Record<string, Field<unknown>>>;
type Values<F extends Fields> = {
  -readonly [K in keyof F & string as Camel<K>]: F[K] extends Field<infer T> ? T : never;
};
interface Keys {
  /** ADMIN_KEY, or the content of DATA_DIR/admin-key, which is created at the first read. Not enumerable: never logged. */
  readonly adminKey: string;
  /** SECRET_KEY, or the content of DATA_DIR/secret-key, which is created at the first read; 32 bytes. Not enumerable. */
  readonly secretKey: Buffer;
  /** Security settings for connections to Kafka, with the contents of the files. Not enumerable. */
  readonly kafkaSecurity: KafkaSecurity;
}

export interface Definition<F extends Fields> {
  name: string;
  doc: string;
  /** The common variables and those of this process. */
  fields: F & typeof COMMON;
  /** The names of the variables that only this process reads. */
  own: string[];
}
export type ConfigOf<F extends Fields> = Values<F> & Values<typeof COMMON> & Keys;

/** Describes the variables of a process; the common variables are always included. */
export function defineConfig<const F extends Fields>(description: {
  name: string;
  doc: string;
  fields: F;
}): Definition<F> {
  const { name, doc, fields } = description;
  const own = Object.keys(fields).filter((variable) => !(variable in COMMON));
  return { name, doc, fields: { ...COMMON, ...fields }, own };
}

/** The configuration is not valid; the message has one problem per line. */
export class ConfigError extends Error {
  constructor(readonly problems: string[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

class UnknownValue extends Error {}

const FLAGS = ['--help', '--validate'];

/** Reads and validates the values of a definition. An empty variable counts as not set. Throws ConfigError. */
export function loadConfig<F extends Fields>(
  definition: Definition<F>,
  env: NodeJS.ProcessEnv = process.env,
  argv: readonly string[] = process.argv.slice(2),
): ConfigOf<F> {
  const problems = argv.filter((arg) => !FLAGS.includes(arg)).map((arg) => `${arg} is not a known option; see --help`);
  const values = new Map<string, unknown>();
  const known = (variable: string): unknown => {
    if (!values.has(variable)) throw new UnknownValue();
    return values.get(variable);
  };
  for (const [variable, field] of Object.entries<Field<unknown>>(definition.fields)) {
    const given = env[variable];
    let value = given;
    try {
      if (!value) value = typeof field.fallback === 'object' ? field.fallback.of(known) : field.fallback;
      if (value === undefined) problems.push(`${variable} is required: ${field.doc}`);
      else values.set(variable, field.parse(value));
    } catch (error) {
      // The default depends on a variable that is itself invalid and has been reported.
      if (error instanceof UnknownValue) continue;
      const shown = field.secret ? 'the given value' : withoutLogin(JSON.stringify(value));
      problems.push(`${variable} ${(error as Error).message}, not ${shown}`);
    }
  }
  problems.push(...keyProblems(env), ...securityProblems(Object.fromEntries(values), env));
  if (problems.length > 0) throw new ConfigError(problems);
  const config = Object.fromEntries([...values].map(([variable, value]) => [camel(variable), value]));
  return withKeys(config, Object.fromEntries(values), env) as ConfigOf<F>;
}

/** Removes "user:password@" from an address, so that a login does not end up in a log. */
const withoutLogin = (text: string): string => text.replace(/^"(\w+:\/\/)?.*@/s, '"$1…@');

/** Keys are read on first use, so that a process that needs none does not create one. */
function withKeys(
  config: Record<string, unknown>,
  values: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv,
): object {
  const dataDir = config['dataDir'] as string;
  Object.defineProperty(config, 'adminKey', { get: () => adminKey(env, dataDir) });
  Object.defineProperty(config, 'secretKey', { get: () => secretKey(env, dataDir) });
  Object.defineProperty(config, 'kafkaSecurity', { get: () => kafkaSecurity(values) });
  return config;
}

function camel(variable: string): string {
  return variable.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The default of a field as help and documentation show it. */
export function shownDefault(field: Field<unknown>): string {
  if (field.fallback === undefined) return '(required)';
  const shown = typeof field.fallback === 'object' ? field.fallback.shown : field.fallback;
  return shown === '' ? '(empty)' : shown;
}

export const KEY_DOCS = {
  ADMIN_KEY: 'Key with all permissions. If not set, it is read from DATA_DIR/admin-key, which the first start creates.',
  SECRET_KEY:
    '64 hexadecimal digits: the key that encrypts the signing secrets of subscriptions. If not set, it is read from DATA_DIR/secret-key, which the first start creates.',
};

/**
 * Warnings about environment variables that are not read but are probably misspelt, such as API_PRT for API_PORT. Names
 * shorter than 6 characters are ignored, because too many of them are similar.
 */
export function mistyped(env: NodeJS.ProcessEnv, definitions: readonly Definition<Fields>[]): string[] {
  const read = new Set(definitions.flatMap(({ fields }) => Object.keys(fields)).concat(Object.keys(KEY_DOCS)));
  return Object.keys(env)
    .filter((name) => name.length >= 6 && env[name] !== '' && !read.has(name))
    .flatMap((name) => {
      const near = [...read]
        .map((variable) => ({ variable, editDistance: editDistance(name.toUpperCase(), variable) }))
        .filter((at) => at.editDistance <= (at.variable.length < 8 ? 1 : 2))
        .sort((one, other) => one.editDistance - other.editDistance);
      return near[0] ? [`${name} is not a known variable; did you mean ${near[0].variable}?`] : [];
    });
}

/** The Levenshtein distance of two texts. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...to].entries())
      next.push(Math.min(row[j]! + Number(letter !== other), row[j + 1]! + 1, next[j]! + 1));
    row = next;
  }
  return row[to.length]!;
}

/** The text that --help prints. */
export function helpText(definition: Definition<Fields>): string {
  const line = (variable: string): string => {
    const field = definition.fields[variable as keyof typeof definition.fields] as Field<unknown>;
    return `  ${variable}  [${shownDefault(field)}]\n      ${field.doc} (${field.kind})`;
  };
  const common = Object.keys(COMMON);
  return [
    `${definition.name}: ${definition.doc}`,
    '',
    'Options:\n  --help      print this text\n  --validate  check the configuration and exit',
    ...(definition.own.length > 0 ? ['', 'Variables of this process:', ...definition.own.map(line)] : []),
    '',
    'Variables of all processes:',
    ...common.map(line),
    ...Object.entries(KEY_DOCS).map(([variable, doc]) => `  ${variable}\n      ${doc}`),
    '',
  ].join('\n');
}
