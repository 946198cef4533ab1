/** The variables that every process reads. */
import { brokers, choice, integer, port, secret, text, url } from './fields.ts';
import { SASL_MECHANISMS, SECURITY_PROTOCOLS } from './kafka-security.ts';

export const COMMON = {
  DATA_DIR: text('.data', 'Folder of everything that an installation on this machine keeps.'),
  HOST: text('127.0.0.1', 'Address that the HTTP servers bind.'),
  ADVERTISED_HOST: text('127.0.0.1', 'Host under which the other processes reach this one.'),
  HEALTH_PORT: integer(
    0,
    'Port of health, metrics and positions; 0: one that the system chooses. `npm start` gives its services this one and the next three, in the order of their names.',
    { min: 0, max: 65_532 },
  ),
  LOG_LEVEL: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info', 'What is logged.'),
  API_PORT: port(7000, 'Port of services/api and the console.'),
  INGEST_PORT: port(7001, 'Port of services/ingest.'),
  INGEST_URL: url(
    { shown: 'http://127.0.0.1:$INGEST_PORT', of: (known) => `http://127.0.0.1:${String(known('INGEST_PORT'))}` },
    'Public address of services/ingest: the webhook URLs of subscriptions begin with it.',
  ),
  KAFKA_PORT: port(7092, 'Port of the Kafka broker that `npm start` runs.'),
  KAFKA_CONTROLLER_PORT: port(7093, 'Port of its controller.'),
  KAFKA_BROKERS: brokers(
    { shown: '127.0.0.1:$KAFKA_PORT', of: (known) => `127.0.0.1:${String(known('KAFKA_PORT'))}` },
    'Kafka brokers. If given, `npm start` runs no Kafka of its own.',
  ),
  KAFKA_SECURITY_PROTOCOL: choice(
    SECURITY_PROTOCOLS,
    'plaintext',
    'How those brokers are spoken to. Other than plaintext: KAFKA_BROKERS and REGISTRY_URL have to be given.',
  ),
  KAFKA_SASL_MECHANISM: choice(SASL_MECHANISMS, 'scram-sha-512', 'How its password is checked, with sasl_….'),
  KAFKA_SASL_USERNAME: text('', 'User of those brokers, with sasl_….'),
  KAFKA_SASL_PASSWORD: secret('Password of that user.'),
  KAFKA_SSL_CA_FILE: text('', 'PEM file of the authorities to believe, with …ssl; empty: those that Node believes.'),
  KAFKA_SSL_CERTIFICATE_FILE: text('', 'PEM file of a certificate of its own, for brokers that ask for one.'),
  KAFKA_SSL_KEY_FILE: text('', 'PEM file of the private key of that certificate.'),
  REGISTRY_PORT: port(7081, 'Port of the schema registry that `npm start` runs.'),
  REGISTRY_URL: url(
    {
      shown: 'http://127.0.0.1:$REGISTRY_PORT/apis/ccompat/v7',
      of: (known) => `http://127.0.0.1:${String(known('REGISTRY_PORT'))}/apis/ccompat/v7`,
    },
    'Schema registry with the Confluent API. If given, `npm start` runs none of its own.',
  ),
  REGISTRY_USER: text('', 'User of the registry; empty: it asks for none.'),
  REGISTRY_PASSWORD: secret('Password of that user.'),
  CLICKHOUSE_HTTP_PORT: port(7123, 'HTTP port of the ClickHouse that `npm start` runs.'),
  CLICKHOUSE_TCP_PORT: port(7190, 'Native port of it, for clients of analysts.'),
  CLICKHOUSE_URL: url(
    {
      shown: 'http://127.0.0.1:$CLICKHOUSE_HTTP_PORT',
      of: (known) => `http://127.0.0.1:${String(known('CLICKHOUSE_HTTP_PORT'))}`,
    },
    'ClickHouse over HTTP. If given, `npm start` runs none of its own.',
  ),
  CLICKHOUSE_USER: text('default', 'User of ClickHouse.', { pattern: /^[A-Za-z_]\w*$/, kind: 'a plain word' }),
  CLICKHOUSE_PASSWORD: secret('Password of that user.'),
  CLICKHOUSE_DATABASE: text('jane_traits', 'Database of all tables and views.', {
    pattern: /^[A-Za-z_]\w*$/,
    kind: 'a plain word',
  }),
  TOPIC_PREFIX: text('', 'Put before the name of every topic, consumer group and schema subject.', {
    pattern: /^[A-Za-z0-9._-]{0,100}$/,
    kind: 'letters, digits, ".", "_" or "-"',
  }),
  PARTITIONS: integer(
    8,
    'Partitions of the topics. Fixed when the installation is made; for more, make another installation.',
    {
      min: 1,
      max: 1024,
    },
  ),
  LOG_RETENTION_DAYS: integer(
    90,
    'How long topics keep their records (but dead-letters: 30 days, definitions: for ever), how far back a rebuild reaches, and how long a cart is remembered.',
    { min: 1, max: 36_500, unit: 'days' },
  ),
} as const;
