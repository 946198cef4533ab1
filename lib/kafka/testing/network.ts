import type { Random } from '../../carts/testing/random.ts';
import type { EventLoop, SimulatedProcess } from './event-loop.ts';

/** What a process asks of a server. */
export type RequestKind =
  | 'metadata'
  | 'offsets'
  | 'committed offsets'
  | 'fetch'
  | 'join'
  | 'heartbeat'
  | 'leave'
  | 'init producer'
  | 'add partitions'
  | 'produce'
  | 'commit offsets'
  | 'end transaction'
  | 'insert'
  | 'append to ledger'
  | 'read ledger';

export type RequestFault =
  /** It never arrives. */
  | { kind: 'refuse' }
  /** It takes effect, and the process gets an error: at once, or after its patience when `silent`. */
  | { kind: 'lose reply'; silent: boolean }
  /** It arrives so much later; past its patience the process has given it up, and it takes effect all the same. */
  | { kind: 'delay'; ms: number }
  /** It takes effect at once, and the reply comes so much later, or never past the patience of the process. */
  | { kind: 'delay reply'; ms: number };

/** The connection failed. Whether the request took effect is unknown. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}

export interface NetworkOptions {
  loop: EventLoop;
  random: Random;
  /** The fault that a request meets, or null. Asked once for each request, when it is sent. */
  faultOf?: (process: SimulatedProcess, kind: RequestKind) => RequestFault | null;
}

/** How long a process waits for a reply. */
export const REQUEST_TIMEOUT_MS = 5_000;
const LATENCY_MS = 4;
const GROUP_REQUESTS: ReadonlySet<RequestKind> = new Set(['join', 'heartbeat', 'leave']);
const REFUSE: RequestFault = { kind: 'refuse' };
/** How long it takes to notice that a connection cannot be made. */
const REFUSED_AFTER_MS = 20;

/** Carries requests of processes to servers, and their replies back. */
export class Network {
  /** Processes that reach no server at the moment, or not the coordinator of their group. */
  readonly cutOff = new Map<SimulatedProcess, 'all' | 'group'>();

  constructor(private readonly options: NetworkOptions) {}

  /**
   * Sends a request. `effect` runs when it arrives, even if the process has ended meanwhile; what it returns or
   * throws, or the promise that it returns, is the reply. Rejects with what the server throws, or a ConnectionError.
   */
  request<T>(process: SimulatedProcess, kind: RequestKind, effect: () => T | Promise<T>): Promise<T> {
    const { loop, random, faultOf } = this.options;
    // What a process still did in the step in which it was killed has not happened.
    if (process.state === 'dead') return new Promise(() => undefined);
    const fault = this.isCutOff(process, kind) ? REFUSE : (faultOf?.(process, kind) ?? null);
    const what = `${kind} of ${process.name}`;
    return new Promise((resolve, reject) => {
      const fail = (afterMs: number, why: string): void => {
        const error = new ConnectionError(`${kind}: ${why}`);
        loop.schedule(afterMs, `${what}: ${why}`, () => reject(error), process);
      };
      if (fault?.kind === 'refuse') return fail(REFUSED_AFTER_MS, 'connection refused');
      const delayMs = fault?.kind === 'delay' ? fault.ms : 0;
      if (delayMs > REQUEST_TIMEOUT_MS) fail(REQUEST_TIMEOUT_MS, 'no reply in time');
      const reply = (settle: () => void): void => {
        if (delayMs > REQUEST_TIMEOUT_MS) return;
        if (fault?.kind === 'lose reply') {
          return fail(fault.silent ? REQUEST_TIMEOUT_MS : 1, fault.silent ? 'no reply in time' : 'connection lost');
        }
        if (this.isCutOff(process, kind)) return fail(REFUSED_AFTER_MS, 'connection lost');
        const replyDelayMs = fault?.kind === 'delay reply' ? fault.ms : 0;
        if (replyDelayMs > REQUEST_TIMEOUT_MS) return fail(REQUEST_TIMEOUT_MS, 'no reply in time');
        loop.schedule(replyDelayMs + this.latencyMs(random), `${what}: reply`, settle, process);
      };
      loop.schedule(delayMs + this.latencyMs(random), what, () => {
        replyOf(effect).then(
          (value) => reply(() => resolve(value)),
          (error: unknown) => reply(() => reject(error as Error)),
        );
      });
    });
  }

  private isCutOff(process: SimulatedProcess, kind: RequestKind): boolean {
    const from = this.cutOff.get(process);
    return from === 'all' || (from === 'group' && GROUP_REQUESTS.has(kind));
  }

  private latencyMs(random: Random): number {
    return 1 + random.below(LATENCY_MS);
  }
}

const replyOf = async <T>(effect: () => T | Promise<T>): Promise<T> => effect();
