/** Simulated time and the order of everything that happens in it. No real timers, no I/O. */
import type { Clock } from '../../clock/index.ts';

/** Wall clock when a simulation starts, Unix milliseconds. */
export const START_WALL_MS = Date.UTC(2026, 0, 1);

interface Event {
  atMs: number;
  /** Events of the same time happen in the order in which they were scheduled. */
  sequence: number;
  /** A description of what happens, which goes into the digest. */
  what: string;
  run: () => void;
  /** The process whose code runs; null for the network and the servers. */
  process: SimulatedProcess | null;
  cancelled: boolean;
}

/** Cancels a scheduled event. */
export type Cancel = () => void;

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);

/**
 * Runs events one after another, in the order of their times. Between two events, every promise settles that can settle
 * without another event, so what a process does in a step depends only on the events before it.
 */
export class EventLoop {
  private readonly heap: Event[] = [];
  private sequence = 0;
  private now = 0;
  private taken = 0;
  private digestValue = 0x811c9dc5;
  private violation: Error | null = null;

  /** Milliseconds since the start. */
  get nowMs(): number {
    return this.now;
  }

  /** The number of events that have run. */
  get steps(): number {
    return this.taken;
  }

  /** A hash of everything that has happened, in order: equal for equal histories. */
  get digest(): string {
    return (this.digestValue >>> 0).toString(16).padStart(8, '0');
  }

  /** @param skewMs how far the wall clock of the process is ahead of that of the servers */
  process(name: string, skewMs = 0): SimulatedProcess {
    return new SimulatedProcess(name, this, skewMs);
  }

  schedule(afterMs: number, what: string, run: () => void, process: SimulatedProcess | null = null): Cancel {
    const atMs = this.now + Math.max(0, afterMs);
    const event: Event = { atMs, sequence: this.sequence++, what, run, process, cancelled: false };
    this.push(event);
    return () => {
      event.cancelled = true;
    };
  }

  /** Schedules the events that were held up while their process was frozen. They run now. */
  resume(events: readonly Event[]): void {
    for (const event of events) this.push({ ...event, atMs: this.now, sequence: this.sequence++ });
  }

  /** Reports a broken invariant: the current step throws `error`, no matter which process found it. */
  fail(error: Error): void {
    this.violation ??= error;
  }

  /** Runs the next event; returns false if there are none. Throws the error of a broken invariant. */
  async step(): Promise<boolean> {
    const event = this.next();
    if (event === undefined) return false;
    this.now = event.atMs;
    this.taken++;
    this.mix(`${event.atMs} ${event.what}`);
    event.run();
    await settle();
    if (this.violation !== null) throw this.violation;
    return true;
  }

  /** Runs events until `isDone`, or until `maxMs` have passed. Returns whether it is done. */
  async runUntil(isDone: () => boolean, maxMs: number): Promise<boolean> {
    const endMs = this.now + maxMs;
    await settle();
    while (!isDone()) {
      const event = this.peek();
      if (event === undefined || event.atMs > endMs) {
        this.now = Math.max(this.now, endMs);
        return false;
      }
      await this.step();
    }
    return true;
  }

  /** Runs events until `work` has settled; throws when that takes longer than `maxMs`. */
  async finished<T>(work: Promise<T>, maxMs: number): Promise<T> {
    let isSettled = false;
    const settled = work.finally(() => (isSettled = true));
    settled.catch(() => undefined);
    if (!(await this.runUntil(() => isSettled, maxMs))) throw new Error(`not finished within ${maxMs} ms`);
    return settled;
  }

  /** Runs the events of the next `ms` milliseconds. */
  async run(ms: number): Promise<void> {
    await this.runUntil(() => false, ms);
  }

  /** FNV-1a. */
  private mix(text: string): void {
    let hash = this.digestValue;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.digestValue = hash;
  }

  /** The next event that can run. Events of dead processes are dropped; those of frozen processes are held up. */
  private peek(): Event | undefined {
    for (;;) {
      const event = this.heap[0];
      if (event === undefined) return undefined;
      const { process } = event;
      if (event.cancelled || process?.state === 'dead') this.pop();
      else if (process?.state === 'frozen') {
        this.pop();
        process.holdUp(event);
      } else return event;
    }
  }

  private next(): Event | undefined {
    const event = this.peek();
    if (event !== undefined) this.pop();
    return event;
  }

  private push(event: Event): void {
    const { heap } = this;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = event;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

/** A process of the product. What it does between two of its events cannot be interrupted. */
export class SimulatedProcess {
  state: 'running' | 'frozen' | 'dead' = 'running';
  readonly clock: Clock;
  private heldUp: Event[] = [];

  constructor(
    readonly name: string,
    private readonly loop: EventLoop,
    skewMs: number,
  ) {
    this.clock = {
      wallMs: () => START_WALL_MS + loop.nowMs + skewMs,
      elapsedMs: () => loop.nowMs,
      sleep: (ms, signal) => this.sleep(ms, signal),
    };
  }

  /** Like `kill -9`: none of its code runs again. Requests that it has sent still arrive. */
  kill(): void {
    this.state = 'dead';
    this.heldUp = [];
  }

  /** Like SIGSTOP: nothing runs until `thaw`; replies and timers wait. */
  freeze(): void {
    if (this.state === 'running') this.state = 'frozen';
  }

  thaw(): void {
    if (this.state !== 'frozen') return;
    this.state = 'running';
    const events = this.heldUp;
    this.heldUp = [];
    this.loop.resume(events);
  }

  holdUp(event: Event): void {
    this.heldUp.push(event);
  }

  private sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = this.loop.schedule(ms, `${this.name} wakes`, wake, this);
      signal?.addEventListener('abort', wake);
    });
  }
}

/** Waits until every promise has settled that can settle without another event. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
