import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const SECONDS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60];

/** The metrics of delivery. */
export function createDeliveryMetrics(registry: Registry) {
  const registers = [registry];
  return {
    calls: new Counter({
      name: 'delivery_calls_total',
      help: 'Calls of providers, by channel and result',
      labelNames: ['channel', 'result'],
      registers,
    }),
    outcomes: new Counter({
      name: 'delivery_outcomes_total',
      help: 'Messages with an outcome, by channel, outcome and reason of a skip',
      labelNames: ['channel', 'outcome', 'reason'],
      registers,
    }),
    waitSeconds: new Histogram({
      name: 'delivery_wait_seconds',
      help: 'From the time a message was due to its call',
      labelNames: ['channel'],
      buckets: SECONDS,
      registers,
    }),
    answers: new Counter({
      name: 'delivery_answers_total',
      help: 'Questions of flows that were answered, by kind',
      labelNames: ['kind'],
      registers,
    }),
    questionSeconds: new Histogram({
      name: 'delivery_question_seconds',
      help: 'Time to answer a question, with the wait for the sink',
      buckets: SECONDS,
      registers,
    }),
    questionFailures: new Counter({
      name: 'delivery_question_failures_total',
      help: 'Attempts to answer questions that failed; each is repeated',
      registers,
    }),
    settleSeconds: new Histogram({
      name: 'delivery_settle_seconds',
      help: 'Time until what had been accepted had passed through all stages',
      buckets: SECONDS,
      registers,
    }),
    settling: new Gauge({
      name: 'delivery_settling_since_seconds',
      help: 'Unix time since which messages of the partition wait for the stages before; 0: none waits',
      labelNames: ['partition'],
      registers,
    }),
    blocked: new Gauge({
      name: 'delivery_blocked',
      help: '1 while messages of the partition wait for a stopped partition of a stage before',
      labelNames: ['partition', 'stage'],
      registers,
    }),
  };
}

export type DeliveryMetrics = ReturnType<typeof createDeliveryMetrics>;
