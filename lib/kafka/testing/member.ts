import { Waker } from '../../clock/index.ts';
import type { GroupOptions, Member } from '../types.ts';
import type { SimulatedGroup } from './group.ts';
import { protocolErrorType } from './protocol.ts';
import type { Connection } from './simulated-kafka.ts';

const SESSION_TIMEOUT_MS = 6_000;
const HEARTBEAT_INTERVAL_MS = 1_000;
const REBALANCE_TIMEOUT_MS = 10_000;
const RETRY_PAUSE_MS = 300;

/** Keeps what it holds while the group rebalances, as the real one. */
export class SimulatedMember implements Member {
  memberId = '';
  generation = -1;
  partitions: readonly number[] = [];
  confirmedAtMs = 0;
  private joining = true;
  private closed = false;
  private joinAgain = true;
  private readonly waker: Waker;
  private readonly loop: Promise<void>;

  constructor(
    private readonly connection: Connection,
    private readonly options: GroupOptions,
  ) {
    this.waker = new Waker(connection.process.clock);
    this.loop = this.run();
  }

  private get group(): SimulatedGroup {
    return this.connection.broker.group(this.options.groupId, this.options.topic);
  }

  private get sessionTimeoutMs(): number {
    return this.options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS;
  }

  get isConfirmed(): boolean {
    const { clock } = this.connection.process;
    const isJoined = !this.closed && !this.joining && this.generation >= 0;
    return isJoined && clock.elapsedMs() - this.confirmedAtMs < this.sessionTimeoutMs;
  }

  rejoin(): void {
    this.joinAgain = true;
    this.waker.wake();
  }

  private async run(): Promise<void> {
    // Not before the caller has its member.
    await Promise.resolve();
    while (!this.closed) {
      try {
        if (this.joinAgain) await this.join();
        await this.waker.sleep(this.options.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS);
        if (!this.closed && !this.joinAgain) await this.heartbeat();
      } catch (error) {
        await this.failed(error);
      }
    }
  }

  private async failed(error: unknown): Promise<void> {
    const { clock } = this.connection.process;
    const type = protocolErrorType(error);
    if (type === 'REBALANCE_IN_PROGRESS') this.joinAgain = true;
    else if (type !== null) this.lose();
    else {
      if (clock.elapsedMs() - this.confirmedAtMs > this.sessionTimeoutMs) this.lose();
      await this.waker.sleep(RETRY_PAUSE_MS);
    }
  }

  private lose(): void {
    this.memberId = '';
    this.joinAgain = true;
    if (this.generation < 0) return;
    const lost = [...this.partitions];
    this.generation = -1;
    this.partitions = [];
    this.options.onLost(lost);
  }

  private async heartbeat(): Promise<void> {
    const { process, network } = this.connection;
    const { memberId, generation } = this;
    const sentAtMs = process.clock.elapsedMs();
    await network.request(process, 'heartbeat', () => this.group.heartbeat(memberId, generation));
    this.confirmedAtMs = sentAtMs;
  }

  private async join(): Promise<void> {
    const { process, network } = this.connection;
    const request = {
      memberId: this.memberId,
      url: this.options.url,
      owned: [...this.partitions],
      generation: this.generation,
      sessionTimeoutMs: this.sessionTimeoutMs,
      rebalanceTimeoutMs: this.options.rebalanceTimeoutMs ?? REBALANCE_TIMEOUT_MS,
    };
    this.joinAgain = false;
    this.joining = true;
    const sentAtMs = process.clock.elapsedMs();
    try {
      const reply = await network.request(process, 'join', () => this.group.join(request));
      this.memberId = reply.memberId;
      if (this.closed) return;
      this.take(reply.generation, reply.partitions, sentAtMs);
    } catch (error) {
      this.joinAgain = true;
      throw error;
    }
  }

  private take(generation: number, partitions: readonly number[], sentAtMs: number): void {
    const revoked = this.partitions.filter((partition) => !partitions.includes(partition));
    this.generation = generation;
    this.partitions = partitions;
    this.confirmedAtMs = sentAtMs;
    this.joining = false;
    if (revoked.length > 0) this.options.onRevoked(revoked);
    this.options.onAssigned([...partitions], generation);
  }

  async leave(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.waker.wake();
    const { process, network } = this.connection;
    const { memberId } = this;
    // Otherwise its session ends by itself.
    if (memberId !== '')
      await network.request(process, 'leave', () => this.group.leave(memberId)).catch(() => undefined);
    await this.loop;
  }
}
