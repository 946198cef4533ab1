import type { FlowEvent, FlowInput, SendRequest } from '../../../schemas/types.ts';
import { fireFlowDue, flowDueOf, foldFlowInput } from '../fold.ts';
import { FlowCache } from '../workspace.ts';
import { type FlowStore, type FlowTools } from '../turn.ts';

/** One partition of flow-inputs, to which a test appends. */
export interface TestLog {
  /** Appends a record whose log time is its `log_time`; returns what it causes. */
  append(input: FlowInput): { events: FlowEvent[]; requests: SendRequest[] };
}

export const HORIZON_MS = 90 * 86_400_000;

/** The fold alone: entries are due as `Topology.onDue` of lib/streams describes, found by looking at all of them. */
export class PureLog implements TestLog {
  readonly entries = new Map<string, Buffer>();
  private readonly tools: FlowTools = { cache: new FlowCache(), horizonMs: HORIZON_MS };
  private logTimeMs = -Infinity;
  private offset = 0;
  private readonly store: FlowStore = {
    get: (key) => this.entries.get(key),
    put: (key, value) => void this.entries.set(key, Buffer.from(value)),
    delete: (key) => void this.entries.delete(key),
    scan: (prefix, from) => this.scan(prefix, from),
  };

  append(input: FlowInput): { events: FlowEvent[]; requests: SendRequest[] } {
    this.logTimeMs = Math.max(this.logTimeMs, input.log_time ?? input.received_at);
    const cause = { logTimeMs: this.logTimeMs, offset: this.offset++ };
    const events: FlowEvent[] = [];
    const requests: SendRequest[] = [];
    const collect = (effects: { events: readonly FlowEvent[]; requests: readonly SendRequest[] }): void => {
      events.push(...effects.events);
      requests.push(...effects.requests);
    };
    for (let key = this.firstDue(this.logTimeMs); key !== undefined; key = this.firstDue(this.logTimeMs))
      collect(fireFlowDue(this.store, key, cause, this.tools));
    collect(foldFlowInput(this.store, input, cause, this.tools));
    for (let key = this.firstDue(0); key !== undefined; key = this.firstDue(0))
      collect(fireFlowDue(this.store, key, cause, this.tools));
    return { events, requests };
  }

  private firstDue(beforeMs: number): string | undefined {
    let first: { key: string; at: number } | undefined;
    for (const [key, value] of this.entries) {
      const at = flowDueOf(value, key);
      if (at === undefined || at >= beforeMs) continue;
      if (first === undefined || at < first.at || (at === first.at && key < first.key)) first = { key, at };
    }
    return first?.key;
  }

  private *scan(prefix: string, from = prefix): IterableIterator<[string, Buffer]> {
    for (let last = from > prefix ? from : prefix; ;) {
      let key: string | undefined;
      for (const one of this.entries.keys())
        if (one >= last && one.startsWith(prefix) && (key === undefined || one < key)) key = one;
      if (key === undefined) return;
      yield [key, this.entries.get(key)!];
      last = `${key}\0`;
    }
  }
}
