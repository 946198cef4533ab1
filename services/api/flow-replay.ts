/** A log of flow-inputs that is folded once, in memory. */
import {
  fireFlowDue,
  FlowCache,
  flowDueOf,
  foldFlowInput,
  objectDueOf,
  SCANNED,
  type FlowEffects,
  type FlowObjects,
  type FlowStore,
  type FlowTools,
} from '../../lib/flows/index.ts';
import { DueIndex } from '../../lib/streams/due-index.ts';
import { KeyIndex } from '../../lib/streams/key-index.ts';
import type { FlowInput } from '../../schemas/types.ts';

/**
 * Does what the topology does with one partition, without a broker and a changelog. Entries stay objects, because writing
 * and reading their bytes would take as long as everything else.
 */
export class FlowReplay {
  private readonly bytes = new Map<string, Buffer>();
  private readonly objects = new Map<string, object>();
  private readonly due = new DueIndex();
  private readonly indexes = SCANNED.map((prefix) => ({ prefix, keys: new KeyIndex() }));
  private readonly tools: FlowTools;
  private readonly store: FlowStore;
  private logTimeMs = -Infinity;
  private offset = 0;

  /**
   * @param horizonMs LOG_RETENTION_DAYS in milliseconds
   * @param take is given what each record, and each deadline, has caused
   */
  constructor(
    horizonMs: number,
    private readonly take: (effects: FlowEffects) => void,
  ) {
    this.tools = { cache: new FlowCache(), horizonMs };
    const objects: FlowObjects = {
      get: (key) => this.objects.get(key),
      put: (key, value) => this.putObject(key, value),
    };
    this.store = {
      get: (key) => this.bytes.get(key),
      put: (key, value) => this.putBytes(key, value),
      delete: (key) => this.delete(key),
      scan: (prefix, from) => this.scan(prefix, from),
      objects,
    };
  }

  /** The number of records so far. */
  get records(): number {
    return this.offset;
  }

  /** When the earliest entry is due, Unix ms; undefined: none is. */
  get earliestDueMs(): number | undefined {
    return this.due.first()?.dueMs;
  }

  /** Appends a record, whose log time is its `log_time`. */
  append(input: FlowInput): void {
    this.logTimeMs = Math.max(this.logTimeMs, input.log_time ?? input.received_at);
    const cause = { logTimeMs: this.logTimeMs, offset: this.offset++ };
    this.fire(this.logTimeMs, cause);
    this.take(foldFlowInput(this.store, input, cause, this.tools));
    this.fire(0, cause);
  }

  private fire(beforeMs: number, cause: { logTimeMs: number; offset: number }): void {
    for (let first = this.due.first(); first !== undefined && first.dueMs < beforeMs; first = this.due.first())
      this.take(fireFlowDue(this.store, first.key, cause, this.tools));
  }

  private putBytes(key: string, value: Buffer): void {
    this.objects.delete(key);
    this.bytes.set(key, value);
    this.indexOf(key)?.add(key);
    this.due.set(key, flowDueOf(value, key));
  }

  private putObject(key: string, value: object): void {
    if (!this.objects.has(key)) this.indexOf(key)?.add(key);
    this.objects.set(key, value);
    this.due.set(key, objectDueOf(value, key));
  }

  private delete(key: string): void {
    this.objects.delete(key);
    this.bytes.delete(key);
    this.indexOf(key)?.delete(key);
    this.due.set(key, undefined);
  }

  private *scan(prefix: string, from = prefix): IterableIterator<[string, Buffer]> {
    const keys = this.indexOf(prefix);
    if (keys === undefined || keys.size === 0) return;
    let key = keys.atOrAfter(from > prefix ? from : prefix);
    while (key?.startsWith(prefix) === true) {
      yield [key, this.bytes.get(key) ?? NO_BYTES];
      // The least key after this one.
      key = keys.atOrAfter(`${key}\0`);
    }
  }

  private indexOf(key: string): KeyIndex | undefined {
    for (const { prefix, keys } of this.indexes) if (key.startsWith(prefix)) return keys;
    return undefined;
  }
}

const NO_BYTES = Buffer.alloc(0);
