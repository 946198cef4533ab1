import { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import type { Registry } from '../../lib/avro/index.ts';
import type { ClickHouse } from '../../lib/clickhouse/client.ts';
import { ERASED_LETTER, TABLES } from '../../lib/clickhouse/tables.ts';
import { within, NoAnswerError, type Clock } from '../../lib/clock/index.ts';
import type { Freshness, StageWatcher } from '../../lib/freshness/index.ts';
import type { Kafka, OutgoingRecord, Producer } from '../../lib/kafka/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { DeadLetter, Identifier, PersonInput } from '../../schemas/types.ts';
import type { Rows } from './database.ts';

/** What is known of a person: it names them in the log. */
export interface Erased {
  identifiers: Identifier[];
  /** Ids of their carts. */
  carts: string[];
}

/** A stage of the pipeline has not come far enough in time. */
export class StageBehindError extends Error {
  override readonly name = 'StageBehindError';
}

export interface Eraser {
  /**
   * Erases a person and the dead letters that hold their addresses. Resolves when state and ClickHouse have dropped them.
   * Throws StageBehindError when a stage takes too long: what was done so far remains, and the call may be repeated.
   */
  erase(workspace: string, erased: Erased): Promise<void>;
}

export interface EraserOptions {
  registry: Registry;
  producer: Producer;
  kafka: Pick<Kafka, 'endOffsets'>;
  freshness: Pick<Freshness, 'passed'>;
  /** Positions of the sink in `dead-letters`. */
  deadLetters: Pick<StageWatcher, 'pass'>;
  database: Rows;
  clickhouse: Pick<ClickHouse, 'command'>;
  clock: Clock;
}

/** How long the stages may take to pass the erasure. */
const PASS_MAX_MS = 30_000;
/** Identifiers and carts of one record: each has at most some 800 bytes. */
const NAMED_MAX = 1_000;
/** Addresses in one query, and ids in one deletion. */
const PATTERNS_MAX = 100;
const IDS_MAX = 1_000;

export async function createEraser(options: EraserOptions): Promise<Eraser> {
  const { kafka, freshness, producer, clock } = options;
  const codec = await options.registry.codec<PersonInput>(TOPICS.personInputs);
  const letters = await options.registry.codec<DeadLetter>(TOPICS.deadLetters);

  const passing = async (what: string, pass: (signal: AbortSignal) => Promise<unknown>): Promise<void> => {
    const waiting = new AbortController();
    try {
      await within(pass(waiting.signal), PASS_MAX_MS, clock);
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      throw new StageBehindError(what, { cause: error });
    } finally {
      waiting.abort();
    }
  };

  return {
    async erase(workspace, erased) {
      const receivedThroughMs = clock.wallMs();
      // The dead letters come first: as long as the record is not written, the call can be repeated.
      await passing('the sink has not stored all dead letters yet', async (signal) =>
        options.deadLetters.pass(await kafka.endOffsets(TOPICS.deadLetters), { signal }),
      );
      const found = await findDeadLetters(options.database, workspace, erased.identifiers, receivedThroughMs);
      // A reader that reads the topic again finds them erased there, too.
      if (found.length > 0)
        await producer.send(
          found.map((letter): OutgoingRecord => ({
            topic: TOPICS.deadLetters,
            key: letter.subscription_id ?? letter.source,
            value: letters.encode(erasedLetter(workspace, letter)),
          })),
        );
      await deleteDeadLetters(options.clickhouse, workspace, found, receivedThroughMs);
      await producer.send(
        erasureRecords(workspace, erased, receivedThroughMs).map((input): OutgoingRecord => ({
          topic: TOPICS.personInputs,
          key: workspace,
          value: codec.encode(input),
        })),
      );
      await passing('the erasure is recorded and not complete yet', (signal) =>
        freshness.passed('people', workspace, signal),
      );
    },
  };
}

/** The records that name a person: several when there is much to name. */
export function erasureRecords(workspace: string, erased: Erased, receivedThroughMs: number): PersonInput[] {
  const identifiers = chunks(erased.identifiers, NAMED_MAX);
  const carts = chunks(erased.carts, NAMED_MAX);
  const count = Math.max(identifiers.length, carts.length, 1);
  return Array.from({ length: count }, (_, i): PersonInput => {
    return {
      kind: 'erasure',
      workspace,
      log_time: null,
      received_at: receivedThroughMs,
      cart: null,
      record: null,
      erasure: { identifiers: identifiers[i] ?? [], carts: carts[i] ?? [], received_through: receivedThroughMs },
      link_rules: null,
      command: null,
      settings: null,
      code_pool: null,
    };
  });
}

/** What names a dead letter. */
interface FoundLetter extends Pick<DeadLetter, 'dead_letter_id' | 'source' | 'subscription_id'> {
  received_at_ms: number;
}

/** Takes the place of a dead letter, without its content. */
const erasedLetter = (workspace: string, letter: FoundLetter): DeadLetter => ({
  dead_letter_id: letter.dead_letter_id,
  workspace,
  source: letter.source,
  subscription_id: letter.subscription_id,
  reason: ERASED_LETTER,
  message: '',
  line: null,
  received_at: letter.received_at_ms,
  request_at: null,
  body: Buffer.alloc(0),
  body_truncated: false,
});

/**
 * The dead letters that were received up to this time and whose body holds a phone number or address of the person. The
 * addresses are parameters of the query, because ClickHouse stores its text.
 */
async function findDeadLetters(
  database: Rows,
  workspace: string,
  identifiers: readonly Identifier[],
  receivedThroughMs: number,
): Promise<FoundLetter[]> {
  const valuesOf = (kind: Identifier['kind']): string[] =>
    identifiers.filter((identifier) => identifier.kind === kind).map(({ value }) => value);
  const patterns = [
    ...chunks(valuesOf('email'), PATTERNS_MAX).map((emails) => ({ emails: emailPattern(emails), phones: NOTHING })),
    ...chunks(valuesOf('phone'), PATTERNS_MAX).map((phones) => ({ emails: NOTHING, phones: phonePattern(phones) })),
  ];
  const found = new Map<string, FoundLetter>();
  for (const pattern of patterns) {
    const rows = await database.rows<FoundLetter>(
      `SELECT DISTINCT dead_letter_id, source, subscription_id, toUnixTimestamp64Milli(received_at) AS received_at_ms
      FROM ${TABLES.deadLetters}
      WHERE workspace = {workspace:String} AND received_at <= fromUnixTimestamp64Milli({through:Int64}, 'UTC')
        AND (match(body, {emails:String}) OR match(replaceRegexpAll(body, '[\\s().-]', ''), {phones:String}))`,
      { workspace, through: receivedThroughMs, ...pattern },
    );
    for (const row of rows)
      if (isPlain(row.dead_letter_id)) found.set(`${row.received_at_ms} ${row.dead_letter_id}`, row);
  }
  return [...found.values()];
}

/** Deletes their content from the parts. The deletion names ids only, because ClickHouse stores its text. */
async function deleteDeadLetters(
  clickhouse: EraserOptions['clickhouse'],
  workspace: string,
  found: readonly FoundLetter[],
  receivedThroughMs: number,
): Promise<void> {
  const all = [...new Set(found.map(({ dead_letter_id }) => dead_letter_id))];
  for (const ids of chunks(all, IDS_MAX)) {
    await clickhouse.command({
      query: `ALTER TABLE ${TABLES.deadLetters} DELETE
      WHERE workspace = '${workspace}' AND dead_letter_id IN (${ids.map((id) => `'${id}'`).join(', ')})
        AND reason != '${ERASED_LETTER}' AND received_at <= fromUnixTimestamp64Milli(${receivedThroughMs}, 'UTC')`,
      // Resolves once the rows are gone from the parts.
      clickhouse_settings: { mutations_sync: '2' },
    });
  }
}

/** Ids of dead letters hold nothing that needs quotes. */
const isPlain = (id: string): boolean => /^[A-Za-z0-9_-]+$/.test(id);

/** Matches no body. */
const NOTHING = '[^\\s\\S]';

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

/** An RE2 pattern for one of these addresses, in any case, that is not a part of a longer one. */
export const emailPattern = (emails: readonly string[]): string =>
  `(?i)(?:^|[^\\w.%+-])(?:${emails.map(escaped).join('|')})(?:$|[^\\w.-])`;

/**
 * An RE2 pattern for one of these E.164 numbers in a text without spaces, brackets, dots and dashes, with or without its
 * country code.
 */
export function phonePattern(phones: readonly string[]): string {
  const forms = phones.map((phone) => {
    const parsed = parsePhoneNumberFromString(phone);
    if (parsed === undefined) return phone.slice(1);
    return `(?:(?:00)?${parsed.countryCallingCode}0?|0)?${parsed.nationalNumber}`;
  });
  return `(?:^|[^0-9])(?:${forms.join('|')})(?:$|[^0-9])`;
}

function chunks<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}
