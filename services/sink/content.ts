import { TABLES } from '../../lib/clickhouse/tables.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { AudienceChange, DeadLetter, FlowEvent, Outcome } from '../../schemas/types.ts';
import type { TopicContent } from './topic-consumer-options.ts';
import { addAudienceChange } from './audience-rows.ts';
import { addFlowEvent } from './flow-rows.ts';
import { addDeadLetter, addOutcome } from './rows.ts';

/** What one record caused (a merge, a split) is in one block, but its tables are written side by side. */
export const OUTCOMES: TopicContent<Outcome> = {
  topic: TOPICS.traitEvents,
  tables: [TABLES.personAliases, TABLES.people, TABLES.traitEvents],
  details: [TABLES.carts, TABLES.personCarts, TABLES.traitEventsByPerson, TABLES.linkReport],
  addRows: addOutcome,
  sameCause: (a, b) => a.body.input_offset === b.body.input_offset,
  logTimeMs: (outcome) => outcome.log_time,
};

export const DEAD_LETTERS: TopicContent<DeadLetter> = {
  topic: TOPICS.deadLetters,
  tables: [TABLES.deadLetters],
  addRows: addDeadLetter,
  sameCause: () => false,
  logTimeMs: (letter) => letter.received_at,
};

/** An evaluation may have hundreds of thousands of changes: they are not kept together, and a reader may see a part. */
export const AUDIENCE_CHANGES: TopicContent<AudienceChange> = {
  topic: TOPICS.audienceChanges,
  tables: [TABLES.audienceMembers, TABLES.audienceChanges],
  addRows: addAudienceChange,
  sameCause: () => false,
  logTimeMs: (change) => change.at,
};

/**
 * A record of flow-inputs may have many thousands of steps: they are not kept together. People read them, and no count
 * or message depends on them: their blocks must not slow down those of trait-events.
 */
export const FLOW_EVENTS: TopicContent<FlowEvent> = {
  topic: TOPICS.flowEvents,
  tables: [TABLES.flowEvents],
  intervalMs: 250,
  addRows: addFlowEvent,
  sameCause: () => false,
  logTimeMs: (event) => event.at,
};

/** The consumer group of each topic, without the installation's prefix. */
export const GROUPS = {
  outcomes: 'sink',
  deadLetters: 'sink-dead-letters',
  audienceChanges: 'sink-audience-changes',
  flowEvents: 'sink-flow-events',
} as const;
