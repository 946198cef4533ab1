import { errorAnswer, unavailable, type ErrorAnswer } from '../../lib/http/index.ts';
import { BackpressureError, KafkaUnavailableError } from '../../lib/kafka/index.ts';
import { tooBusy } from './outbox.ts';
import { UnreadableSecretError } from './verify.ts';

/** How ingest answers its errors: nothing was stored, and the client should send it again. */
export const INGEST_ERRORS: readonly ErrorAnswer[] = [
  errorAnswer(UnreadableSecretError, () =>
    unavailable('the signature cannot be checked at the moment; send it again later', 60),
  ),
  errorAnswer(BackpressureError, () => tooBusy()),
  errorAnswer(KafkaUnavailableError, () =>
    unavailable('Kafka does not answer, so nothing can be stored; send it again later', 5),
  ),
];
