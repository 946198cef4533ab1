import { errorAnswer, unavailable, type ErrorAnswer } from '../../lib/http/index.ts';
import { BackpressureError, KafkaUnavailableError } from '../../lib/kafka/index.ts';
import { tooBusy } from './outbox.ts';

/** How ingest answers errors of Kafka's port: nothing was stored, and the client should send it again. */
export const INGEST_ERRORS: readonly ErrorAnswer[] = [
  errorAnswer(BackpressureError, () => tooBusy()),
  errorAnswer(KafkaUnavailableError, () =>
    unavailable('Kafka does not answer, so nothing can be stored; send it again later', 5),
  ),
];
