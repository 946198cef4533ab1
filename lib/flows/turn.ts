/** One step of the fold: what it reads, writes and emits, over all workspaces of a partition. */
import type { FlowEvent, SendRequest } from '../../schemas/types.ts';
import { KEYS, sortable } from './keys.ts';
import { View } from './view.ts';
import type { FlowCache } from './workspace.ts';

/** Stores the state. Values are never changed in place. `scan` in the order of keys; see `Store` of lib/streams. */
export interface FlowStore {
  get(key: string): Buffer | undefined;
  put(key: string, value: Buffer): void;
  delete(key: string): void;
  scan(prefix: string, from?: string): IterableIterator<[string, Buffer]>;
  /** Where runs, people, carts, addresses and pools are kept as objects, if not as bytes. They are scanned without bytes. */
  objects?: FlowObjects;
}

/** Entries as objects. They may be changed in place, but only in a step that puts or deletes them. */
export interface FlowObjects {
  get(key: string): object | undefined;
  put(key: string, value: object): void;
}

/** Log time, and the offset of the record that is handled. */
export interface FlowCause {
  logTimeMs: number;
  offset: number;
}

/** What the fold of a partition is given once. */
export interface FlowTools {
  cache: FlowCache;
  /** How long a cart is remembered after its last record. */
  horizonMs: number;
}

/** Phases of the continuations of one record, in their order. */
export type Phase = 'fired' | 'answered' | 'satisfied' | 'started';
const PHASES: readonly Phase[] = ['fired', 'answered', 'satisfied', 'started'];

/** A run that continues within this record. */
export interface Queued {
  key: string;
  workspace: string;
  flow: string;
  run: string;
}

/** One step. Entries that were read are written back by `flush`, if they were saved. */
export class Turn {
  readonly events: FlowEvent[] = [];
  readonly requests: SendRequest[] = [];
  readonly queue: Queued[] = [];
  /** Something is left for steps after the fold of the record. */
  hasJobs = false;
  readonly logTimeMs: number;
  readonly offset: number;
  readonly cache: FlowCache;
  readonly horizonMs: number;
  private readonly views = new Map<string, View>();
  private ordinal: number;
  private started = 0;
  private settledState: { through: number; asked: number } | undefined;

  constructor(
    readonly store: FlowStore,
    { logTimeMs, offset }: FlowCause,
    { cache, horizonMs }: FlowTools,
  ) {
    this.cache = cache;
    this.horizonMs = horizonMs;
    this.logTimeMs = logTimeMs;
    this.offset = offset;
    const known = this.store.get(KEYS.ordinal);
    this.ordinal = known !== undefined && known.readDoubleLE(0) === offset ? known.readDoubleLE(8) : 0;
  }

  in(workspace: string): View {
    let view = this.views.get(workspace);
    if (view === undefined) this.views.set(workspace, (view = new View(this, workspace)));
    return view;
  }

  nextOrdinal = (): number => this.ordinal++;

  /** Queues a run under the time from which it is ready; the phase `started` in the order of the calls. */
  enqueue(phase: Phase, workspace: string, flow: string, run: string, at: number): void {
    const time = phase === 'started' ? this.started++ : at;
    const key = `${KEYS.queue}${PHASES.indexOf(phase)}${sortable(time)}:${run}`;
    this.queue.push({ key, workspace, flow, run });
  }

  /** Everything that was accepted up to this time has been handled, Unix ms. */
  get settledThrough(): number {
    return this.settled.through;
  }

  settle(throughMs: number): void {
    this.saveSettled({ ...this.settled, through: Math.max(this.settled.through, throughMs) });
  }

  /** Asks once for what has been asked for already. */
  askToSettle(workspace: string, dueMs: number): void {
    if (dueMs <= this.settled.asked) return;
    this.saveSettled({ ...this.settled, asked: dueMs });
    this.in(workspace).request('settle', { settle: { due_at: dueMs } });
  }

  private get settled(): { through: number; asked: number } {
    const bytes = this.settledState === undefined ? this.store.get(KEYS.settled) : undefined;
    this.settledState ??=
      bytes === undefined
        ? { through: -Infinity, asked: -Infinity }
        : { through: bytes.readDoubleLE(0), asked: bytes.readDoubleLE(8) };
    return this.settledState;
  }

  private saveSettled(state: { through: number; asked: number }): void {
    this.settledState = state;
    this.store.put(KEYS.settled, doubles(state.through, state.asked));
  }

  flush(): void {
    for (const view of this.views.values()) view.flush();
    if (this.events.length > 0) this.store.put(KEYS.ordinal, doubles(this.offset, this.ordinal));
  }
}

function doubles(a: number, b: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeDoubleLE(a, 0);
  bytes.writeDoubleLE(b, 8);
  return bytes;
}
