import type { FlowCodePool, FlowCommand, FlowSettings } from '../../schemas/types.ts';
import { DamagedStateError } from '../bytes/index.ts';
import { flowsKey } from './keys.ts';
import type { PeopleStore } from './store.ts';

/** What is stored of the flows of a workspace. */
export interface FlowsEntry {
  /** The number of the last change that had an effect. Numbers are offsets in `definitions`. */
  number: number;
  /** Whether a flow was ever published. */
  published: boolean;
  /** The first publish, while the history that precedes it is being emitted. */
  pending: FlowCommand | null;
  /** Until the first publish. */
  settings: FlowSettings | null;
  /** Until the first publish. */
  pools: FlowCodePool[];
}

const NOTHING_YET: FlowsEntry = { number: -1, published: false, pending: null, settings: null, pools: [] };

/** Throws a DamagedStateError. */
export function readFlows(store: PeopleStore, workspace: string): FlowsEntry {
  const value = store.get(flowsKey(workspace));
  return value === undefined ? NOTHING_YET : parseEntry<FlowsEntry>(value, `the flows of workspace ${workspace}`);
}

export function writeFlows(store: PeopleStore, workspace: string, flows: FlowsEntry): void {
  store.put(flowsKey(workspace), bytesOf(flows));
}

export const bytesOf = (entry: object): Buffer => Buffer.from(JSON.stringify(entry), 'utf8');

/** Throws a DamagedStateError. */
export function parseEntry<T>(value: Buffer, subject: string): T {
  try {
    return JSON.parse(value.toString('utf8')) as T;
  } catch {
    throw new DamagedStateError(subject, 0, 'JSON');
  }
}
