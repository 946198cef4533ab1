import { TOPICS, type TopicName } from '../topics.ts';

/** A stage of the chain: what it reads, and the consumer group whose members work on it. */
export interface Stage {
  name: 'carts' | 'people' | 'sink';
  topic: TopicName;
  groupId: string;
}

/** The way of an event, in order: what has passed them all is counted. */
export const CHAIN: readonly Stage[] = [
  { name: 'carts', topic: TOPICS.cartEvents, groupId: 'carts' },
  { name: 'people', topic: TOPICS.personInputs, groupId: 'people' },
  { name: 'sink', topic: TOPICS.traitEvents, groupId: 'sink' },
];
