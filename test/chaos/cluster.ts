/** An installation on three brokers that replicate, of which one after the other is killed with -9. */
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../harness/client.ts';
import { removeInstallation, startInstallation } from '../harness/installation.ts';
import { startKafkaCluster } from '../harness/kafka-cluster.ts';
import type { Stage } from './chaos.ts';

export async function threeBrokers(): Promise<Stage> {
  const kafka = await startKafkaCluster();
  const installation = await startInstallation({
    ownEngines: true,
    env: { KAFKA_BROKERS: kafka.brokers.join(',') },
  }).catch(async (error: unknown) => {
    await kafka.close();
    throw error;
  });
  let next: number | undefined;
  return {
    installation,
    async trouble(random) {
      await kafka.waitInSync();
      const broker = (next ?? Math.floor(random.next() * kafka.brokers.length)) % kafka.brokers.length;
      next = broker + 1;
      await sleep(random.between(1_000, 3_000));
      const led = await kafka.ledBy(broker);
      await kafka.kill9(broker);
      // If it was the controller too, its session starts again with the next one.
      await waitUntil('the others have taken over', async () => (await kafka.ledBy(broker)) === 0, {
        timeoutMs: 60_000,
      });
      // They work without it for a while.
      await sleep(random.between(2_000, 6_000));
      await kafka.restart(broker);
      return [{ what: `broker ${broker + 1}`, partitionsTakenOver: led }];
    },
    async close() {
      try {
        await removeInstallation(installation);
      } finally {
        await kafka.close();
      }
    },
  };
}
