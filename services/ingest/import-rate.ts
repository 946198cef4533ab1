/** Records per second. Even the slowest import ends some day. */
const FIRST_RATE = 500;
const MIN_RATE = 50;
const MAX_RATE = 1_000_000;
/** Growth for each measurement without a delay: until the delay first exceeds its target, and after that. */
const SEARCH_GROWTH = 0.4;
const GROWTH = 0.02;
const MIN_STEP = 10;
/** Reduction for each measurement with a delay of twice its target or more. */
const REDUCTION = 0.05;

/**
 * The speed of all imports of a process, from the delay of the stages behind them, as congestion control of networks
 * sets it. The rate grows while the delay is below its target, the less the closer it is, and falls above it; it grows
 * fast until it has exceeded the target. Above the target only a share of the rate may be sent, none
 * at twice the target: without this the delay would swing.
 */
export class ImportRate {
  private rate = FIRST_RATE;
  private isSearching = true;
  /** The last delay divided by its target. */
  private delay = 0;

  /** @param targetMs may change between measurements */
  constructor(public targetMs: number) {}

  /** Records per second that may be sent now. */
  get perSecond(): number {
    return Math.max(MIN_RATE, this.rate * Math.min(1, Math.max(0, 2 - this.delay)));
  }

  /** `isLimiting`: imports would have sent more since the last measurement; otherwise the rate does not grow. */
  measured(delayMs: number, isLimiting: boolean): void {
    this.delay = delayMs / this.targetMs;
    const room = 1 - this.delay;
    if (room < 0) {
      this.rate = Math.max(MIN_RATE, this.rate * (1 + REDUCTION * Math.max(-1, room)));
      // After a long delay, such as an outage, nothing is known any more of the speed of the stages.
      this.isSearching = this.rate === MIN_RATE;
    } else if (isLimiting) {
      const step = this.isSearching ? SEARCH_GROWTH * this.rate : Math.max(MIN_STEP, GROWTH * this.rate);
      this.rate = Math.min(MAX_RATE, this.rate + step * room);
    }
  }
}
