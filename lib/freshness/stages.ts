import { TOPICS, type TopicName } from '../topics.ts';

/** A stage: the topic that it consumes, and its consumer group. */
export interface Stage {
  name: 'carts' | 'people' | 'sink' | 'relay' | 'audiences' | 'flows' | 'delivery';
  topic: TopicName;
  groupId: string;
  /** Whether all records of a workspace are in one partition of the topic; otherwise they are spread over all of them. */
  byWorkspace: boolean;
}

/** Writes what the people stage concludes into ClickHouse. */
export const SINK: Stage = { name: 'sink', topic: TOPICS.traitEvents, groupId: 'sink', byWorkspace: true };

/** All stages in the order in which an event passes them; an event that has passed the last one is counted. */
export const CHAIN: readonly Stage[] = [
  { name: 'carts', topic: TOPICS.cartEvents, groupId: 'carts', byWorkspace: false },
  { name: 'people', topic: TOPICS.personInputs, groupId: 'people', byWorkspace: true },
  SINK,
];

/** Keeps live audiences, behind the sink. Counts do not depend on it. */
export const AUDIENCES: Stage = {
  name: 'audiences',
  topic: TOPICS.traitEvents,
  groupId: 'audiences',
  byWorkspace: true,
};

/** Decides what the flows of a workspace do. Counts do not depend on it. */
export const FLOWS: Stage = { name: 'flows', topic: TOPICS.flowInputs, groupId: 'flows', byWorkspace: true };

/** Sends the messages of flows and answers their questions. Counts do not depend on it. */
export const DELIVERY: Stage = {
  name: 'delivery',
  topic: TOPICS.sendRequests,
  groupId: 'delivery',
  byWorkspace: true,
};

/** Forwards definitions to the log of people. No event passes it, so freshness does not depend on it. */
export const RELAY: Stage = { name: 'relay', topic: TOPICS.definitions, groupId: 'relay', byWorkspace: false };

/** What the sink stores of input that could not be used. */
export const DEAD_LETTERS: Stage = {
  name: 'sink',
  topic: TOPICS.deadLetters,
  groupId: 'sink-dead-letters',
  byWorkspace: false,
};
