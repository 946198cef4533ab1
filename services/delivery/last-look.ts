import type { Clock } from '../../lib/clock/index.ts';
import type { Message } from './state.ts';

/** How soon messages are checked again while the group has not confirmed that this process owns the partition. */
const CONFIRM_POLL_MS = 100;
/** What was read longer ago than this may miss a revocation. */
const FRESH_MS = 2_000;

export interface LastLookDeps {
  /** The end of send-requests now. */
  end(): Promise<number>;
  /** Calls providers. Returns the messages that must wait until the group has confirmed this process. */
  call(messages: readonly Message[]): Message[];
  clock: Clock;
  /** Something is to be done. */
  wake(): void;
  fail(error: unknown): void;
}

/** Keeps messages whose intent is durable until send-requests is read to its end, so that no revocation is missed. */
export class LastLook {
  /** Their intent is durable. */
  private durable: Message[] = [];
  /** They wait for the group to confirm this process. */
  private left: Message[] = [];
  private leftAtMs = -Infinity;
  private looking: { messages: Message[]; askedAtMs: number; end: number } | null = null;

  constructor(private readonly deps: LastLookDeps) {}

  add(messages: readonly Message[]): void {
    this.durable.push(...messages);
  }

  /** When to call `pump` again if nothing happens, in ms. */
  get pauseMs(): number {
    return this.left.length > 0 ? CONFIRM_POLL_MS : Infinity;
  }

  /** Calls what may be called when everything before `readOffset` is read. */
  pump(readOffset: number): void {
    const { clock, call } = this.deps;
    const { looking } = this;
    const nowMs = clock.elapsedMs();
    if (looking === null) {
      if (this.durable.length > 0 || (this.left.length > 0 && nowMs - this.leftAtMs >= CONFIRM_POLL_MS)) {
        this.look([...this.left.splice(0), ...this.durable.splice(0)]);
      }
    } else if (readOffset >= looking.end) {
      // The process was held up meanwhile.
      if (nowMs - looking.askedAtMs > FRESH_MS) return this.look(looking.messages);
      this.looking = null;
      this.left = call(looking.messages);
      this.leftAtMs = nowMs;
      this.pump(readOffset);
    }
  }

  private look(messages: Message[]): void {
    const { clock, end, wake, fail } = this.deps;
    const looking = { messages, askedAtMs: clock.elapsedMs(), end: Infinity };
    this.looking = looking;
    end().then((offset) => {
      looking.end = offset;
      wake();
    }, fail);
  }
}
