/** How Kafka is spoken to: from variables that depend on each other to what a connection needs. */
import { readFileSync } from 'node:fs';

/** Left out: plain TCP, nobody says who they are. */
export interface KafkaSecurity {
  /** PEM texts. Without `ca` the authorities are believed that Node believes. */
  tls?: { ca?: string; cert?: string; key?: string };
  sasl?: { mechanism: SaslMechanism; username: string; password: string };
}

export const SECURITY_PROTOCOLS = ['plaintext', 'ssl', 'sasl_plaintext', 'sasl_ssl'] as const;
export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

/** The values of the variables that this is made of; undefined where one is not valid. */
export type SecurityValues = Readonly<Record<string, unknown>>;

const text = (values: SecurityValues, variable: string): string => String(values[variable] ?? '');

/** What is wrong with these values together, in words. */
export function securityProblems(values: SecurityValues, env: NodeJS.ProcessEnv): string[] {
  const protocol = text(values, 'KAFKA_SECURITY_PROTOCOL');
  const problems: string[] = [];
  if (protocol !== 'plaintext' && protocol !== '')
    for (const variable of ['KAFKA_BROKERS', 'REGISTRY_URL'])
      if (!env[variable])
        problems.push(`${variable} is missing: what npm start runs of its own speaks plaintext, not ${protocol}`);
  if (protocol.startsWith('sasl_'))
    for (const variable of ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'])
      if (!text(values, variable)) problems.push(`${variable} is missing: KAFKA_SECURITY_PROTOCOL is ${protocol}`);
  const cert = text(values, 'KAFKA_SSL_CERTIFICATE_FILE');
  const key = text(values, 'KAFKA_SSL_KEY_FILE');
  if ((cert === '') !== (key === ''))
    problems.push('KAFKA_SSL_CERTIFICATE_FILE and KAFKA_SSL_KEY_FILE belong together: give both or neither');
  if (protocol.endsWith('ssl'))
    for (const variable of ['KAFKA_SSL_CA_FILE', 'KAFKA_SSL_CERTIFICATE_FILE', 'KAFKA_SSL_KEY_FILE']) {
      const file = text(values, variable);
      try {
        if (file !== '') readFileSync(file);
      } catch (error) {
        problems.push(`${variable} cannot be read: ${(error as Error).message}`);
      }
    }
  return problems;
}

/** What connections need, from values without problems; reads the files. */
export function kafkaSecurity(values: SecurityValues): KafkaSecurity {
  const protocol = text(values, 'KAFKA_SECURITY_PROTOCOL');
  const file = (name: string, variable: string): Record<string, string> =>
    text(values, variable) === '' ? {} : { [name]: readFileSync(text(values, variable), 'utf8') };
  return {
    ...(protocol.endsWith('ssl') && {
      tls: {
        ...file('ca', 'KAFKA_SSL_CA_FILE'),
        ...file('cert', 'KAFKA_SSL_CERTIFICATE_FILE'),
        ...file('key', 'KAFKA_SSL_KEY_FILE'),
      },
    }),
    ...(protocol.startsWith('sasl_') && {
      sasl: {
        mechanism: values['KAFKA_SASL_MECHANISM'] as SaslMechanism,
        username: text(values, 'KAFKA_SASL_USERNAME'),
        password: text(values, 'KAFKA_SASL_PASSWORD'),
      },
    }),
  };
}
