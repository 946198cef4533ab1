/** The security settings of Kafka connections, from variables that depend on each other. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KafkaSecurity } from '../kafka/types.ts';

export const SECURITY_PROTOCOLS = ['plaintext', 'ssl', 'sasl_plaintext', 'sasl_ssl'] as const;
export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

const LOGIN = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const;
const MECHANISM = 'KAFKA_SASL_MECHANISM';
const FILES = ['KAFKA_SSL_CA_FILE', 'KAFKA_SSL_CERTIFICATE_FILE', 'KAFKA_SSL_KEY_FILE'] as const;

/** The parsed values by variable; undefined for one that is not valid. */
export type SecurityValues = Readonly<Record<string, unknown>>;

const text = (values: SecurityValues, variable: string): string => String(values[variable] ?? '');
const hasLogin = (protocol: string): boolean => protocol.startsWith('sasl_');
const hasTls = (protocol: string): boolean => protocol.endsWith('ssl');

/** The problems of these values in combination. Reads the files. */
export function securityProblems(values: SecurityValues, env: NodeJS.ProcessEnv): string[] {
  const protocol = text(values, 'KAFKA_SECURITY_PROTOCOL');
  // It is not valid itself and has been reported; more messages would be guesses.
  if (protocol === '') return [];
  const problems: string[] = [];
  if (protocol !== 'plaintext')
    for (const variable of ['KAFKA_BROKERS', 'REGISTRY_URL'])
      if (!env[variable])
        problems.push(`${variable} is required: the engines that npm start runs use plaintext, not ${protocol}`);
  for (const variable of LOGIN)
    if (hasLogin(protocol) && !text(values, variable))
      problems.push(`${variable} is required when KAFKA_SECURITY_PROTOCOL is ${protocol}`);
  const unread = [...(hasLogin(protocol) ? [] : [...LOGIN, MECHANISM]), ...(hasTls(protocol) ? [] : FILES)];
  for (const variable of unread)
    if (env[variable]) problems.push(`${variable} is set but not used when KAFKA_SECURITY_PROTOCOL is ${protocol}`);
  if (hasTls(protocol)) problems.push(...fileProblems(values));
  if (text(values, 'REGISTRY_PASSWORD') && !text(values, 'REGISTRY_USER'))
    problems.push('REGISTRY_PASSWORD is set but not used without REGISTRY_USER');
  return problems;
}

function fileProblems(values: SecurityValues): string[] {
  const [authorities, certificate, key] = FILES;
  const problems: string[] = [];
  /** The parsed file; undefined when none is set, or it has a problem. */
  const readAs = <T>(variable: string, kind: string, read: (pem: string) => T): T | undefined => {
    const file = text(values, variable);
    if (file === '') return undefined;
    let pem: string;
    try {
      pem = readFileSync(file, 'utf8');
    } catch (error) {
      problems.push(`cannot read ${variable}: ${(error as Error).message}`);
      return undefined;
    }
    try {
      return read(pem);
    } catch {
      problems.push(`${variable} does not contain a ${kind} in PEM format: ${file}`);
      return undefined;
    }
  };
  readAs(authorities, 'certificate', (pem) => new X509Certificate(pem));
  const own = readAs(certificate, 'certificate', (pem) => new X509Certificate(pem));
  const ownKey = readAs(key, 'private key without a passphrase', (pem) => createPrivateKey(pem));
  if ((text(values, certificate) === '') !== (text(values, key) === ''))
    problems.push(`${certificate} and ${key} must be set together`);
  if (own && ownKey && !own.checkPrivateKey(ownKey)) problems.push(`${key} is not the key of ${certificate}`);
  return problems;
}

/** The settings of connections, from valid values. Reads the files. */
export function kafkaSecurity(values: SecurityValues): KafkaSecurity {
  const protocol = text(values, 'KAFKA_SECURITY_PROTOCOL');
  const file = (name: string, variable: string): Record<string, string> =>
    text(values, variable) === '' ? {} : { [name]: readFileSync(text(values, variable), 'utf8') };
  return {
    ...(hasTls(protocol) && {
      tls: {
        ...file('ca', 'KAFKA_SSL_CA_FILE'),
        ...file('cert', 'KAFKA_SSL_CERTIFICATE_FILE'),
        ...file('key', 'KAFKA_SSL_KEY_FILE'),
      },
    }),
    ...(hasLogin(protocol) && {
      sasl: {
        mechanism: values[MECHANISM] as NonNullable<KafkaSecurity['sasl']>['mechanism'],
        username: text(values, 'KAFKA_SASL_USERNAME'),
        password: text(values, 'KAFKA_SASL_PASSWORD'),
      },
    }),
  };
}
