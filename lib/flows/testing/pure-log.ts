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
    const due = [...this.entries].flatMap(([key, value]) => {
      const at = flowDueOf(value, key);
      return at !== undefined && at < beforeMs ? [{ key, at }] : [];
    });
    return due.sort((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1))[0]?.key;
  }

  private *scan(prefix: string, from = prefix): IterableIterator<[string, Buffer]> {
    for (let last = from > prefix ? from : prefix; ;) {
      const key = [...this.entries.keys()].filter((one) => one >= last && one.startsWith(prefix)).sort()[0];
      if (key === undefined) return;
      yield [key, this.entries.get(key)!];
      last = `${key}\0`;
    }
  }
}
