/** The one place for topic names, their cleanup and their keys (the public contract's table). */

/** Topics that other programs may read; values are Avro in the Confluent wire format, keys UTF-8. */
export const TOPICS = {
  cartEvents: 'cart-events',
  personInputs: 'person-inputs',
  traitEvents: 'trait-events',
  deadLetters: 'dead-letters',
  definitions: 'definitions',
} as const;

export type TopicName = (typeof TOPICS)[keyof typeof TOPICS];

/** The schema subject of a topic's values. The prefix of an installation is part of the topic's full name. */
export const subjectOf = (topic: string): string => `${topic}-value`;

/** The compacted topic that holds the state of a topology. */
export const changelogOf = (topology: string): string => `${topology}-changelog`;

/** The key of a cart's records: the whole cart stays in one partition, in order. */
export const cartKey = (workspace: string, cartId: string): string => `${workspace}:${cartId}`;
