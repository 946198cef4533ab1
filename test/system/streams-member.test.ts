import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { createKafka, type Kafka, type Member } from '../../lib/kafka/index.ts';
import { brokers, freshKafka, quiet, until } from './streams-world.ts';

const TOPIC = 'cart-events';
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface World {
  /** To look at the group with. */
  kafka: Kafka;
  /** Every call to a member, as `assigned 1`. */
  told: string[];
  join(heartbeatIntervalMs?: number): Member;
  /** Breaks every connection of the members, and all that they try to make. */
  cutOff(forMs: number): Promise<void>;
  openConnections(): number;
}

async function world(): Promise<World> {
  const kafka = freshKafka();
  closing.push(() => kafka.close());
  await kafka.ensureTopics([{ topic: TOPIC, partitions: 4 }]);
  const sockets = new Set<Socket>();
  const broken = new Error('broken');
  let isCutOff = false;
  const watched = createKafka({
    brokers: brokers(),
    clientId: 'watched',
    logger: quiet,
    clock: systemClock,
    topicPrefix: kafka.topicPrefix,
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port }, onConnect).setNoDelay(true);
      sockets.add(socket);
      if (isCutOff) setImmediate(() => socket.destroy(broken));
      return socket.once('close', () => sockets.delete(socket));
    },
  });
  closing.push(() => watched.close());
  const told: string[] = [];
  return {
    kafka,
    told,
    join(heartbeatIntervalMs) {
      const member = watched.joinGroup({
        groupId: 'group',
        topic: TOPIC,
        url: null,
        ...(heartbeatIntervalMs === undefined
          ? {}
          : { heartbeatIntervalMs, sessionTimeoutMs: 4 * heartbeatIntervalMs }),
        onAssigned: (_, generation) => told.push(`assigned ${generation}`),
        onRevoked: () => told.push('revoked'),
        onLost: () => told.push('lost'),
      });
      closing.push(() => member.leave());
      return member;
    },
    async cutOff(forMs) {
      isCutOff = true;
      for (const socket of sockets) socket.destroy(broken);
      await sleep(forMs);
      isCutOff = false;
    },
    openConnections: () => sockets.size,
  };
}

describe('leaving', () => {
  it('leaves nothing in the group and no connection, whenever it comes', async () => {
    const { kafka, join, told, openConnections } = await world();
    for (const delayMs of [0, 2, 5, 10, 20, 40, 80, 160]) {
      const member = join();
      await sleep(delayMs);
      await member.leave();
      const { length } = told;
      expect([delayMs, (await kafka.describeGroup('group')).members]).toEqual([delayMs, []]);
      await until(
        'no connection',
        () => openConnections() === 0,
        undefined,
        () => [delayMs, openConnections()],
      );
      expect(told.length).toBe(length);
    }
  });

  it('does not wait for a join that waits for others', async () => {
    const { kafka, join } = await world();
    const members = [join(), join(5_000)];
    await until('both', () => members.every((m) => m.partitions.length === 2));
    const [first, second] = members as [Member, Member];
    const { generation } = second;
    // The second hears of it with its next heartbeat only, in five seconds; the first waits for it.
    first.rejoin();
    await sleep(50);
    await first.leave();
    expect(second.generation).toBe(generation);
    await until('alone', () => second.partitions.length === 4);
    expect((await kafka.describeGroup('group')).members).toHaveLength(1);
  });
});

it('keeps its place in the group, and what it holds, when the broker is out of reach for a while', async () => {
  const { join, told, cutOff } = await world();
  const member = join();
  await until('joined', () => member.partitions.length === 4);
  const { generation, memberId } = member;
  for (let i = 0; i < 3; i++) {
    await cutOff(2_000);
    const restoredAtMs = performance.now();
    await until('confirmed', () => member.confirmedAtMs > restoredAtMs);
  }
  expect(member).toMatchObject({ generation, memberId });
  expect(told).toEqual([`assigned ${generation}`]);
});
