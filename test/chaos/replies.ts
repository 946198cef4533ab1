/** An installation whose Kafka loses replies: what was asked is done, and its sender does not hear of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaProperties } from '../../deploy/engines/kafka.ts';
import { createBroker } from '../harness/broker.ts';
import { removeInstallation, startInstallation } from '../harness/installation.ts';
import { testPorts } from '../harness/ports.ts';
import { LOSABLE_NAMES, startReplyDropper, type Losable, type Loss } from '../harness/reply-dropper.ts';
import type { Kill, Stage } from './chaos.ts';

/** Whose replies may be lost, by client id. Replies to Produce are lost to both producers; the rest belongs to transactions. */
const CLIENTS: Readonly<Record<Losable, readonly string[]>> = {
  Produce: ['ingest', 'processor'],
  InitProducerId: ['processor'],
  AddOffsetsToTxn: ['processor'],
  TxnOffsetCommit: ['processor'],
  EndTxn: ['processor'],
};
/** How long a round waits for its requests to be made. */
const MET_WITHIN_MS = 20_000;

/** All connections to the only broker go through a proxy: its port is the one that the broker names to its clients. */
export async function losingReplies(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'jane-traits-replies-'));
  const [port = 0, controllerPort = 0, proxyPort = 0] = await testPorts(3);
  const dropper = await startReplyDropper({ host: '127.0.0.1', port }, proxyPort);
  const broker = await createBroker({
    folder,
    properties: {
      ...kafkaProperties({ dataDir: folder, port, controllerPort }),
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxyPort}`,
    },
    clusterId: 'JaneTraitsRepliesTests',
    ports: [port],
  });
  const closeBroker = async (): Promise<void> => {
    await dropper.close();
    await broker.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await broker.start();
    const env = { KAFKA_BROKERS: `127.0.0.1:${proxyPort}` };
    const installation = await startInstallation({ ownEngines: true, env });
    return {
      installation,
      async trouble(random) {
        const before = { ...dropper.lost };
        for (const request of random.chance(0.5) ? LOSABLE_NAMES : [...LOSABLE_NAMES].reverse()) {
          for (const client of CLIENTS[request]) {
            const loss: Loss = random.chance(0.8) ? 'cut' : 'silent';
            const lostBefore = dropper.lost[request];
            dropper.lose(request, loss, random.int(1, 2), client);
            // A producer is initialised only after something else has failed.
            if (request === 'InitProducerId') dropper.lose('EndTxn', 'cut', 1, client);
            for (let ms = 0; dropper.lost[request] === lostBefore && ms < MET_WITHIN_MS; ms += 50) await sleep(50);
            await sleep(random.between(500, 3_000));
          }
        }
        dropper.relent();
        return [killOf(before, dropper.lost)];
      },
      async close() {
        try {
          await removeInstallation(installation);
        } finally {
          await closeBroker();
        }
      },
    };
  } catch (error) {
    await closeBroker();
    throw error;
  }
}

function killOf(before: Readonly<Record<Losable, number>>, after: Readonly<Record<Losable, number>>): Kill {
  const lostReplies = Object.fromEntries(LOSABLE_NAMES.map((name) => [name, after[name] - before[name]]));
  const text = LOSABLE_NAMES.map((name) => `${lostReplies[name]} × ${name}`).join(', ');
  return { what: `lost replies: ${text}`, lostReplies };
}
