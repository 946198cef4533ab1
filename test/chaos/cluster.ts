/** An installation on three brokers that replicate, of which one after the other is killed with -9. */
import { setTimeout as sleep } from 'node:timers/promises';
import { removeInstallation, startInstallation } from '../harness/installation.ts';
import { startKafkaCluster } from '../harness/kafka-cluster.ts';
import type { Stage } from './chaos.ts';

export async function threeBrokers(): Promise<Stage> {
  const kafka = await startKafkaCluster();
  const installation = await startInstallation({
    ownEngines: true,
    env: { KAFKA_BROKERS: kafka.brokers.join(',') },
  });
  let next: number | undefined;
  return {
    installation,
    async trouble(random) {
      await kafka.waitInSync();
      const broker = (next ?? Math.floor(random.next() * kafka.brokers.length)) % kafka.brokers.length;
      next = broker + 1;
      await sleep(random.between(1_000, 3_000));
      await kafka.kill9(broker);
      // Long enough for the others to take over, and to work without it.
      await sleep(random.between(7_000, 10_000));
      await kafka.restart(broker);
      return [{ what: `broker ${broker + 1}` }];
    },
    async close() {
      await removeInstallation(installation);
      await kafka.close();
    },
  };
}
