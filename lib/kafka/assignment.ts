import assignerProtocol from 'kafkajs/src/consumer/assignerProtocol.js';

const { MemberMetadata, MemberAssignment } = assignerProtocol;

/** Name of the assignment protocol; all members of a group must support the same one. */
export const PROTOCOL = 'jane-sticky';
const VERSION = 1;

/** The metadata that a member sends to the group when it joins. */
export interface Subscription {
  /** Base URL of its health server. */
  url: string | null;
  /** Its process, see processIdentity. */
  process: string | null;
  /** The partitions that it owned in `generation`, the last generation that it was part of; -1 if there was none. */
  owned: number[];
  generation: number;
}

/** In the format of Kafka's consumer protocol, so that standard tools can describe the group. */
export function encodeSubscription(topic: string, subscription: Subscription): Buffer {
  const userData = Buffer.from(JSON.stringify(subscription), 'utf8');
  return MemberMetadata.encode({ version: VERSION, topics: [topic], userData });
}

/** Another program may have joined the group with its own data. Unreadable data counts as no data. */
export function decodeSubscription(metadata: Buffer): Subscription {
  try {
    const { userData } = MemberMetadata.decode(metadata);
    const value = JSON.parse(userData?.toString('utf8') ?? '{}') as Partial<Subscription>;
    return {
      url: typeof value.url === 'string' ? value.url : null,
      process: typeof value.process === 'string' ? value.process : null,
      owned: Array.isArray(value.owned) ? value.owned.filter((p) => Number.isInteger(p)) : [],
      generation: typeof value.generation === 'number' ? value.generation : -1,
    };
  } catch {
    return { url: null, process: null, owned: [], generation: -1 };
  }
}

export const encodeAssignment = (topic: string, partitions: number[]): Buffer =>
  MemberAssignment.encode({ version: VERSION, assignment: { [topic]: partitions } });

export function decodeAssignment(topic: string, assignment: Buffer): number[] {
  if (assignment.length === 0) return [];
  return MemberAssignment.decode(assignment)?.assignment[topic] ?? [];
}

/**
 * Assigns partitions 0…count-1: the numbers of partitions of two members differ by at most one, and members keep their
 * partitions as far as that allows. If two members claim one partition, the one with the later generation keeps it.
 */
export function assignSticky(
  members: ReadonlyMap<string, Pick<Subscription, 'owned' | 'generation'>>,
  count: number,
): Map<string, number[]> {
  const ids = [...members.keys()].sort();
  const owner = new Map<number, string>();
  for (const id of ids) {
    const { owned, generation } = members.get(id)!;
    for (const p of owned) {
      if (p < 0 || p >= count) continue;
      const other = owner.get(p);
      if (other === undefined || members.get(other)!.generation < generation) owner.set(p, id);
    }
  }
  const result = new Map<string, number[]>(ids.map((id) => [id, []]));
  const floor = Math.floor(count / Math.max(1, ids.length));
  // This many members get one partition more than the others; those that owned most come first.
  let extras = count - floor * ids.length;
  const held = (id: string): number => [...owner.values()].filter((o) => o === id).length;
  const byHeld = [...ids].sort((a, b) => held(b) - held(a) || (a < b ? -1 : 1));
  const quota = new Map(byHeld.map((id) => [id, floor + (extras-- > 0 ? 1 : 0)]));
  const free: number[] = [];
  for (let p = 0; p < count; p++) {
    const id = owner.get(p);
    const list = id === undefined ? undefined : result.get(id);
    if (list !== undefined && list.length < quota.get(id!)!) list.push(p);
    else free.push(p);
  }
  for (const id of byHeld) {
    const list = result.get(id)!;
    while (list.length < quota.get(id)! && free.length > 0) list.push(free.shift()!);
    list.sort((a, b) => a - b);
  }
  return result;
}
