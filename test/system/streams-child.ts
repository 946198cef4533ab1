/**
 * A process that runs the topology "once" until it is asked to stop, or kills itself between sending and committing.
 * Prints what happens to it on stdout, one word and a number a line.
 */
import pino from 'pino';
import { systemClock } from '../../lib/clock/index.ts';
import { createKafka, type Kafka } from '../../lib/kafka/index.ts';
import { RESTORE_RULES, runTopology, type RestoreRules } from '../../lib/streams/index.ts';
import { once } from './streams-once.ts';

const { KAFKA_BROKERS = '', PREFIX = '', CRASH_AT = '', RULES = '', SESSION_MS = '6000' } = process.env;

const say = (what: string): void => void process.stdout.write(`${what}\n`);
const logger = pino(
  { level: 'info', base: { pid: process.pid } },
  {
    write(line: string) {
      const { msg, level } = JSON.parse(line) as { msg: string; level: number };
      if (level >= 40 || msg === 'task is running') say(msg);
    },
  },
);

const real = createKafka({
  brokers: KAFKA_BROKERS.split(','),
  clientId: 'child',
  logger,
  clock: systemClock,
  topicPrefix: PREFIX,
});

/** The same Kafka, but the n-th commit of this process never comes: everything is sent, and the process is gone. */
function crashing(kafka: Kafka, at: number): Kafka {
  let commits = 0;
  return {
    ...kafka,
    transactional(id) {
      const transactional = kafka.transactional(id);
      return {
        init: () => transactional.init(),
        send: (records) => transactional.send(records),
        commit: async (offsets, records = []) => {
          if (++commits === at) {
            await transactional.send(records);
            process.kill(process.pid, 'SIGKILL');
          }
          await transactional.commit(offsets, records);
        },
        close: () => transactional.close(),
      };
    },
  };
}

const kafka = CRASH_AT === '' ? real : crashing(real, Number(CRASH_AT));
const running = await runTopology({
  topology: once,
  kafka,
  logger,
  clock: systemClock,
  healthUrl: `http://child/${process.pid}`,
  sessionTimeoutMs: Number(SESSION_MS),
  restoreRules: RULES === '' ? RESTORE_RULES : (JSON.parse(RULES) as RestoreRules),
});
process.once('SIGTERM', () => {
  void running.stop().then(async () => {
    await real.close();
    process.exit(0);
  });
});
