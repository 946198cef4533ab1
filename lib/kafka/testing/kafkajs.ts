/** kafkajs itself, for tests that need what the port does not offer: aborting a transaction, deleting records. */
import kafkajs from 'kafkajs/index.js';

export type { Producer as KafkaJsProducer, Transaction as KafkaJsTransaction } from 'kafkajs';
export { kafkajs };
