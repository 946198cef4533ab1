import { assignSticky } from '../assignment.ts';
import type { GroupDescription } from '../types.ts';
import type { Cancel, EventLoop } from './event-loop.ts';
import { ProtocolError } from './protocol.ts';

export interface JoinRequest {
  /** '' for a member that the group does not know yet. */
  memberId: string;
  url: string | null;
  owned: number[];
  /** The last generation that it was part of; -1 for none. */
  generation: number;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
}

export interface JoinReply {
  memberId: string;
  generation: number;
  partitions: number[];
}

interface GroupMember {
  id: string;
  request: JoinRequest;
  partitions: number[];
  /** Ends its membership when nothing is heard of it. */
  session: Cancel;
  /** Waits for the others to join. */
  waiting: { resolve(reply: JoinReply): void; reject(error: Error): void } | null;
}

/**
 * The coordinator of one group over one topic. Joining and syncing are one request here: a generation begins when all
 * known members have joined, or when the rebalance has taken too long; who has not joined by then is out.
 */
export class SimulatedGroup {
  generation = 0;
  private readonly members = new Map<string, GroupMember>();
  private isRebalancing = false;
  private rebalanceEnds: Cancel = () => undefined;
  private nextId = 0;

  constructor(
    private readonly loop: EventLoop,
    private readonly name: string,
    private readonly partitions: number,
  ) {}

  /** Who owns a partition in the current generation; null while nobody does. */
  ownerOf(partition: number): string | null {
    for (const { id, partitions } of this.members.values()) if (partitions.includes(partition)) return id;
    return null;
  }

  describe(): GroupDescription {
    const members = [...this.members.values()].map(({ id, request, partitions }) => ({
      memberId: id,
      url: request.url,
      partitions: [...partitions],
    }));
    const settled = members.length === 0 ? 'Empty' : 'Stable';
    return { state: this.isRebalancing ? 'PreparingRebalance' : settled, members };
  }

  join(request: JoinRequest): Promise<JoinReply> {
    const id = request.memberId === '' ? `${this.name}-${this.nextId++}` : request.memberId;
    let member = this.members.get(id);
    if (member === undefined) {
      if (request.memberId !== '') throw new ProtocolError('UNKNOWN_MEMBER_ID');
      member = { id, request, partitions: [], session: () => undefined, waiting: null };
      this.members.set(id, member);
    }
    const joining = member;
    joining.request = request;
    joining.session();
    // A request that was sent again: nobody waits for the reply to the first one any more.
    joining.waiting?.reject(new ProtocolError('UNKNOWN_MEMBER_ID'));
    const reply = new Promise<JoinReply>((resolve, reject) => (joining.waiting = { resolve, reject }));
    this.rebalance();
    this.completeIfAllJoined();
    return reply;
  }

  heartbeat(memberId: string, generation: number): void {
    const member = this.members.get(memberId);
    if (member === undefined) throw new ProtocolError('UNKNOWN_MEMBER_ID');
    if (member.waiting === null) this.startSession(member);
    if (this.isRebalancing) throw new ProtocolError('REBALANCE_IN_PROGRESS');
    if (generation !== this.generation) throw new ProtocolError('ILLEGAL_GENERATION');
  }

  leave(memberId: string): void {
    const member = this.members.get(memberId);
    if (member === undefined) throw new ProtocolError('UNKNOWN_MEMBER_ID');
    this.remove(member);
  }

  private startSession(member: GroupMember): void {
    member.session();
    member.session = this.loop.schedule(member.request.sessionTimeoutMs, `session of ${member.id} ends`, () =>
      this.remove(member),
    );
  }

  private remove(member: GroupMember): void {
    member.session();
    member.waiting?.reject(new ProtocolError('UNKNOWN_MEMBER_ID'));
    this.members.delete(member.id);
    this.rebalance();
    this.completeIfAllJoined();
  }

  private rebalance(): void {
    if (this.isRebalancing) return;
    this.isRebalancing = true;
    const timeoutMs = Math.max(0, ...[...this.members.values()].map(({ request }) => request.rebalanceTimeoutMs));
    this.rebalanceEnds = this.loop.schedule(timeoutMs, `rebalance of ${this.name} ends`, () => this.complete());
  }

  private completeIfAllJoined(): void {
    if (this.isRebalancing && [...this.members.values()].every(({ waiting }) => waiting !== null)) this.complete();
  }

  private complete(): void {
    this.rebalanceEnds();
    this.isRebalancing = false;
    for (const member of [...this.members.values()]) {
      if (member.waiting !== null) continue;
      member.session();
      this.members.delete(member.id);
    }
    this.generation++;
    const subscriptions = new Map([...this.members].map(([id, { request }]) => [id, request]));
    const assignment = assignSticky(subscriptions, this.partitions);
    for (const member of this.members.values()) {
      member.partitions = assignment.get(member.id) ?? [];
      this.startSession(member);
      const { waiting, id, partitions } = member;
      member.waiting = null;
      waiting?.resolve({ memberId: id, generation: this.generation, partitions: [...partitions] });
    }
  }
}
