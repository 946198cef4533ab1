import type Cluster from 'kafkajs/src/cluster/index.js';
import type { Broker } from 'kafkajs-internals';
import { Waker, within } from '../clock/index.ts';
import {
  PROTOCOL,
  assignSticky,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './assignment.ts';
import { openConnections, type ConnectionOptions, type Connections } from './cluster.ts';
import { kafkaErrorType, messageOf } from './errors.ts';
import { isGone, processIdentity } from './process-identity.ts';
import type { GroupOptions, Member } from './types.ts';

const SESSION_TIMEOUT_MS = 6_000;
const HEARTBEAT_INTERVAL_MS = 1_000;
const REBALANCE_TIMEOUT_MS = 10_000;
const RETRY_PAUSE_MS = 300;

/** How long `leave` waits for a join in progress: before it completes, the group does not know this member's id. */
const FIRST_JOIN_TIMEOUT_MS = 4_000;
const JOIN_TIMEOUT_MS = 500;
const LEAVE_TIMEOUT_MS = 2_000;

/** The group rebalances: every member must join again, and keeps its partitions meanwhile. */
const REBALANCING = 'REBALANCE_IN_PROGRESS';
/** The group continues without this member. */
const THROWN_OUT = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID']);

interface Session {
  connections: Connections;
  cluster: Cluster;
  coordinator: Broker;
}

/**
 * A member of a consumer group that reads one topic. While the group rebalances, the member keeps its partitions;
 * afterwards only those that were assigned to another member are revoked. The new owner fences writes that are still in
 * flight.
 */
export class GroupMember implements Member {
  memberId = '';
  generation = -1;
  partitions: readonly number[] = [];
  confirmedAtMs = 0;
  private joining = true;
  private closed = false;
  private joinAgain = false;
  private session: Session | null = null;
  private readonly waker: Waker;
  private readonly loop: Promise<void>;

  constructor(
    private readonly connection: ConnectionOptions,
    private readonly prefix: string,
    private readonly options: GroupOptions,
  ) {
    this.waker = new Waker(connection.clock);
    this.loop = this.run();
  }

  private get groupId(): string {
    return this.prefix + this.options.groupId;
  }

  private get topic(): string {
    return this.prefix + this.options.topic;
  }

  private get sessionTimeoutMs(): number {
    return this.options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS;
  }

  get isConfirmed(): boolean {
    const { clock } = this.connection;
    const isJoined = !this.closed && !this.joining && this.generation >= 0;
    return isJoined && clock.elapsedMs() - this.confirmedAtMs < this.sessionTimeoutMs;
  }

  rejoin(): void {
    this.joinAgain = true;
    this.waker.wake();
  }

  private async run(): Promise<void> {
    let joined = false;
    while (!this.closed) {
      try {
        if (!joined || this.joinAgain) {
          this.joinAgain = false;
          joined = false;
          this.joining = true;
          await this.join();
          joined = true;
        }
        await this.waker.sleep(this.options.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS);
        if (this.closed || this.joinAgain) continue;
        await this.heartbeat();
      } catch (error) {
        const type = kafkaErrorType(error) ?? '';
        if (type === REBALANCING) {
          joined = false;
        } else if (THROWN_OUT.has(type)) {
          joined = false;
          this.lose(type);
        } else {
          await this.trouble(error);
          // The membership is not affected: the next heartbeat uses new connections to the current coordinator.
          joined &&= this.generation >= 0;
        }
      }
    }
  }

  /** Reconnects; the membership is abandoned only when the session must have expired. */
  private async trouble(error: unknown): Promise<void> {
    if (this.closed) return;
    this.connection.logger.warn(
      { group: this.groupId, err: messageOf(error) },
      'group coordinator is unavailable; reconnecting',
    );
    await this.drop();
    if (this.connection.clock.elapsedMs() - this.confirmedAtMs > this.sessionTimeoutMs) {
      this.lose('session ran out');
    }
    await this.waker.sleep(RETRY_PAUSE_MS);
  }

  private lose(reason: string): void {
    this.memberId = '';
    if (this.generation < 0) return;
    const lost = [...this.partitions];
    this.generation = -1;
    this.partitions = [];
    this.connection.logger.warn({ group: this.groupId, lost, reason }, 'removed from the group; joining again');
    this.options.onLost(lost);
  }

  private async connected(): Promise<Session> {
    this.refuseWhenClosed();
    if (this.session !== null) return this.session;
    const connections = openConnections(this.connection);
    try {
      const cluster = await connections.ready;
      await cluster.addMultipleTargetTopics([this.topic]);
      const coordinator = await cluster.findGroupCoordinator({ groupId: this.groupId });
      this.refuseWhenClosed();
      return (this.session = { connections, cluster, coordinator });
    } catch (error) {
      await connections.close();
      throw error;
    }
  }

  private refuseWhenClosed(): void {
    if (this.closed) throw new Error('the member leaves its group');
  }

  private async drop(): Promise<void> {
    const { session } = this;
    this.session = null;
    await session?.connections.close();
  }

  private async heartbeat(): Promise<void> {
    const { coordinator } = await this.connected();
    const { generation, memberId } = this;
    // The session runs from when the coordinator receives it; the process may be frozen before it reads the reply.
    const sentAtMs = this.connection.clock.elapsedMs();
    await coordinator.heartbeat({ groupId: this.groupId, groupGenerationId: generation, memberId });
    this.confirmedAtMs = sentAtMs;
  }

  private async join(): Promise<void> {
    const { cluster, coordinator } = await this.connected();
    const { groupId, topic } = this;
    if (this.memberId === '') await this.removeDead(coordinator);
    const metadata = encodeSubscription(topic, {
      url: this.options.url,
      process: processIdentity(),
      owned: [...this.partitions],
      generation: this.generation,
    });
    const joined = await coordinator.joinGroup({
      groupId,
      sessionTimeout: this.sessionTimeoutMs,
      rebalanceTimeout: this.options.rebalanceTimeoutMs ?? REBALANCE_TIMEOUT_MS,
      memberId: this.memberId,
      groupProtocols: [{ name: PROTOCOL, metadata }],
    });
    this.memberId = joined.memberId;
    this.refuseWhenClosed();
    let groupAssignment: { memberId: string; memberAssignment: Buffer }[] = [];
    if (joined.leaderId === joined.memberId) {
      await cluster.refreshMetadata();
      const count = cluster.findTopicPartitionMetadata(topic).length;
      const members = new Map(joined.members.map((m) => [m.memberId, decodeSubscription(m.memberMetadata)]));
      groupAssignment = [...assignSticky(members, count)].map(([memberId, partitions]) => ({
        memberId,
        memberAssignment: encodeAssignment(topic, partitions),
      }));
    }
    const sentAtMs = this.connection.clock.elapsedMs();
    const { memberAssignment } = await coordinator.syncGroup({
      groupId,
      generationId: joined.generationId,
      memberId: joined.memberId,
      groupAssignment,
    });
    this.take(joined.generationId, decodeAssignment(topic, memberAssignment), sentAtMs);
  }

  /**
   * Removes members whose process has ended without leaving the group, for example after a kill on this machine.
   * Otherwise the group waits for them until their session expires. A member whose process cannot be checked is kept
   * until then.
   */
  private async removeDead(coordinator: Broker): Promise<void> {
    const { groupId } = this;
    try {
      const { groups } = await coordinator.describeGroups({ groupIds: [groupId] });
      for (const { memberId, memberMetadata } of groups[0]?.members ?? []) {
        const { process } = decodeSubscription(memberMetadata);
        if (process !== null && isGone(process)) await coordinator.leaveGroup({ groupId, memberId });
      }
    } catch (error) {
      this.connection.logger.debug({ group: groupId, err: messageOf(error) }, 'cannot describe the consumer group');
    }
  }

  private take(generation: number, partitions: number[], sentAtMs: number): void {
    const revoked = this.partitions.filter((p) => !partitions.includes(p));
    this.generation = generation;
    this.partitions = partitions;
    this.confirmedAtMs = sentAtMs;
    this.joining = false;
    this.connection.logger.info({ group: this.groupId, generation, partitions, revoked }, 'joined the group');
    if (revoked.length > 0) this.options.onRevoked(revoked);
    this.options.onAssigned(partitions, generation);
  }

  async leave(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.waker.wake();
    const { clock } = this.connection;
    const joinTimeoutMs = this.memberId === '' ? FIRST_JOIN_TIMEOUT_MS : JOIN_TIMEOUT_MS;
    await within(this.loop, joinTimeoutMs, clock).catch(() => undefined);
    // Otherwise the session times out by itself.
    await within(this.leaveGroup(), LEAVE_TIMEOUT_MS, clock).catch(() => undefined);
    await this.drop();
    await this.loop.catch(() => undefined);
    await this.drop();
  }

  /** Over a separate connection: the other one may be blocked by a join in progress, which leaving ends. */
  private async leaveGroup(): Promise<void> {
    const { groupId, memberId } = this;
    if (memberId === '') return;
    const connections = openConnections(this.connection);
    try {
      const coordinator = await (await connections.ready).findGroupCoordinator({ groupId });
      await coordinator.leaveGroup({ groupId, memberId });
    } finally {
      await connections.close();
    }
  }
}
