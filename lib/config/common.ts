/** The variables that every process reads. */
import { brokers, choice, integer, port, secret, text, url } from './fields.ts';
import { SASL_MECHANISMS, SECURITY_PROTOCOLS } from './kafka-security.ts';

const WORD_RULE = 'letters, digits and "_", not beginning with a digit';

export const COMMON = {
  DATA_DIR: text('.data', 'Folder for all data of an installation on this machine.'),
  HOST: text('127.0.0.1', 'Address that the HTTP servers listen on.'),
  ADVERTISED_HOST: text('127.0.0.1', 'Host name under which other processes reach this one.'),
  HEALTH_PORT: integer(
    0,
    'Port for health, metrics and positions; 0 takes any free port. `npm start` assigns this port and the next five to its services, in the order of their names.',
    { min: 0, max: 65_530 },
  ),
  LOG_LEVEL: choice(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    'info',
    'Lowest level of log messages that are written.',
  ),
  API_PORT: port(7000, 'Port of services/api and the console.'),
  INGEST_PORT: port(7001, 'Port of services/ingest.'),
  INGEST_URL: url(
    { shown: 'http://127.0.0.1:$INGEST_PORT', of: (known) => `http://127.0.0.1:${String(known('INGEST_PORT'))}` },
    'Public address of services/ingest. The webhook URLs of subscriptions begin with it.',
  ),
  KAFKA_PORT: port(7092, 'Port of the Kafka broker that `npm start` runs.'),
  KAFKA_CONTROLLER_PORT: port(7093, 'Port of the controller of the Kafka broker that `npm start` runs.'),
  KAFKA_BROKERS: brokers(
    { shown: '127.0.0.1:$KAFKA_PORT', of: (known) => `127.0.0.1:${String(known('KAFKA_PORT'))}` },
    'Kafka brokers. If set, `npm start` does not run Kafka itself.',
  ),
  KAFKA_SECURITY_PROTOCOL: choice(
    SECURITY_PROTOCOLS,
    'plaintext',
    'Security protocol of the Kafka brokers. Any other than plaintext requires KAFKA_BROKERS and REGISTRY_URL.',
  ),
  KAFKA_SASL_MECHANISM: choice(
    SASL_MECHANISMS,
    'scram-sha-512',
    'SASL mechanism. Used if KAFKA_SECURITY_PROTOCOL is sasl_plaintext or sasl_ssl.',
  ),
  KAFKA_SASL_USERNAME: text('', 'Kafka user. Required if KAFKA_SECURITY_PROTOCOL is sasl_plaintext or sasl_ssl.'),
  KAFKA_SASL_PASSWORD: secret('Password of KAFKA_SASL_USERNAME.'),
  KAFKA_SSL_CA_FILE: text(
    '',
    'PEM file of the certificate authorities to trust. Used if KAFKA_SECURITY_PROTOCOL is ssl or sasl_ssl. Empty: the certificate authorities that Node trusts.',
  ),
  KAFKA_SSL_CERTIFICATE_FILE: text('', 'PEM file of the client certificate, if the brokers require one.'),
  KAFKA_SSL_KEY_FILE: text('', 'PEM file of the private key of KAFKA_SSL_CERTIFICATE_FILE.'),
  REGISTRY_PORT: port(7081, 'Port of the schema registry that `npm start` runs.'),
  REGISTRY_URL: url(
    {
      shown: 'http://127.0.0.1:$REGISTRY_PORT/apis/ccompat/v7',
      of: (known) => `http://127.0.0.1:${String(known('REGISTRY_PORT'))}/apis/ccompat/v7`,
    },
    'Schema registry with the Confluent API. If set, `npm start` does not run a registry itself.',
  ),
  REGISTRY_USER: text('', 'User of the schema registry. Empty: the registry does not require a user.'),
  REGISTRY_PASSWORD: secret('Password of REGISTRY_USER.'),
  CLICKHOUSE_HTTP_PORT: port(7123, 'HTTP port of the ClickHouse that `npm start` runs.'),
  CLICKHOUSE_TCP_PORT: port(
    7190,
    'Port of the native protocol of the ClickHouse that `npm start` runs, for tools of analysts.',
  ),
  CLICKHOUSE_URL: url(
    {
      shown: 'http://127.0.0.1:$CLICKHOUSE_HTTP_PORT',
      of: (known) => `http://127.0.0.1:${String(known('CLICKHOUSE_HTTP_PORT'))}`,
    },
    'HTTP address of ClickHouse. If set, `npm start` does not run ClickHouse itself.',
  ),
  CLICKHOUSE_USER: text('default', 'ClickHouse user.', { pattern: /^[A-Za-z_]\w*$/, kind: WORD_RULE }),
  CLICKHOUSE_PASSWORD: secret('Password of CLICKHOUSE_USER.'),
  CLICKHOUSE_DATABASE: text('jane_traits', 'ClickHouse database of all tables and views.', {
    pattern: /^[A-Za-z_]\w*$/,
    kind: WORD_RULE,
  }),
  TOPIC_PREFIX: text('', 'Prefix for the names of all topics, consumer groups and schema subjects.', {
    pattern: /^[A-Za-z0-9._-]{0,100}$/,
    kind: 'letters, digits, ".", "_" or "-"',
  }),
  PARTITIONS: integer(
    8,
    'Number of partitions of the topics. It is fixed when an installation is created; more partitions require a new installation.',
    {
      min: 1,
      max: 1024,
    },
  ),
  LOG_RETENTION_DAYS: integer(
    90,
    'How long topics keep their records (exceptions: dead-letters 30 days, definitions forever), how far back a rebuild reaches, and how long a cart is remembered.',
    { min: 1, max: 36_500, unit: 'days' },
  ),
} as const;
