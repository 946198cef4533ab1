/** Checkouts that are accepted shortly before a message is due, while one of the stages between is held up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, type Random } from '../../lib/simulate/random.ts';
import { cartKey, TOPICS } from '../../lib/topics.ts';
import type { FlowEvent } from '../../schemas/types.ts';
import { waitUntil } from '../harness/client.ts';
import { freeze } from '../harness/freeze.ts';
import type { Beside } from './beside.ts';
import { cartOf, Retailer } from './retailer.ts';
import { FlowWorld } from './world.ts';

export interface RacesOptions {
  seed: number;
  /** Each holds up one stage, in turn. */
  waves: number;
  /** Runs of a wave whose cart is bought just before the message is due. */
  racing: number;
  /** Runs of a wave whose cart is not bought. */
  quiet: number;
  ownEngines: boolean;
  say(message: string): void;
}

export interface RacesFindings {
  seed: number;
  runs: number;
  /** Checkouts that had their 202 before the message was due, and after. */
  inTime: number;
  late: number;
  /** Of those in time: in a partition that was frozen when the message was due. */
  heldBack: number;
  /** How long before the message was due the 202 came, milliseconds. */
  leadMs: { min: number; median: number; max: number };
  /** From the time at which messages were due to their outcomes, milliseconds. */
  afterDueMs: { median: number; max: number };
  /** Who got a message although they had bought in time. */
  wronged: string[];
  /** Who bought nothing, and did not get exactly one message; who bought late, and got several. */
  missed: string[];
  /** Requests for which the intent to call was stored more than once. */
  calledTwice: string[];
  verified: string;
}

/** What is frozen in a wave: half of the partitions of carts, the processor with the other stages, or delivery. */
const HELD_UP = ['carts', 'processor', 'carts', 'delivery'] as const;
const WAIT_SECONDS = 6;
const SPACING_MS = 25;
const LEAD_MS = 50;
/** The slowest of this many webhooks is expected to be the slowness of the next one. */
const LATEST = 10;
const FROZEN_MS = 3_000;
const PARTITIONS = 4;
const MOVER_EVERY_MS = 100;
/** Ids of carts that move log time, and of the other carts of people. */
const MOVERS = 1_000_000;
const OTHERS = 2_000_000;
const WAVE_TIMEOUT_MS = 90_000;

const FLOW = {
  name: 'Recovery',
  triggers: [{ trait: 'cart_abandoned', time: { operator: 'in_last', amount: 30, unit: 'minutes' } }],
  start: 'pause',
  nodes: {
    pause: { type: 'wait', for: { amount: WAIT_SECONDS, unit: 'seconds' }, next: 'remind' },
    remind: { type: 'sms', text: '{{ workspace.name }}: your cart waits. Reply STOP to opt out.', next: null },
  },
};

/** One run, as the test sees it. */
interface Racer {
  cart: number;
  isRacing: boolean;
  /** When its message is due; undefined until its wait was reached. */
  dueMs?: number;
  acceptedMs?: number;
  /** The cart whose checkout was sent. */
  boughtCart?: number;
  hasEnded: boolean;
  steps: string[];
  outcomeMs?: number;
}

export async function runRaces(options: RacesOptions): Promise<RacesFindings> {
  const world = await FlowWorld.open({ ownEngines: options.ownEngines, partitions: PARTITIONS });
  try {
    return await (await Races.open(world, options)).all();
  } finally {
    await world.close();
  }
}

class Races {
  private readonly random: Random;
  private readonly racers = new Map<string, Racer>();
  private readonly checkouts: Promise<void>[] = [];
  private heldBack = 0;
  /** How long the latest webhooks took, milliseconds. */
  private readonly tookMs: number[] = [];

  private constructor(
    private readonly world: FlowWorld,
    private readonly options: RacesOptions,
    private readonly retailer: Retailer,
    private readonly slow: Beside,
  ) {
    this.random = createRandom(options.seed);
  }

  static async open(world: FlowWorld, options: RacesOptions): Promise<Races> {
    const env = { PROCESSOR_TOPOLOGIES: 'carts' };
    const slow = world.startBeside({ name: 'slow-carts', service: 'processor', env });
    const retailer = await Retailer.open(world.installation);
    return new Races(world, options, retailer, slow);
  }

  async all(): Promise<RacesFindings> {
    const { world, options, retailer } = this;
    const { waves, racing, quiet, say } = options;
    const total = waves * (racing + quiet);
    await retailer.publish(FLOW);
    await retailer.consent(Array.from({ length: total }, (_, i) => i + 1));
    await this.slow.untilRunning(TOPICS.cartEvents);
    await world.followSteps((step) => this.onStep(step));
    for (let wave = 0; wave < waves; wave++) {
      const heldUp = HELD_UP[wave % HELD_UP.length]!;
      await this.wave(heldUp, wave * (racing + quiet) + 1);
      say(`wave ${wave + 1} of ${waves}, ${heldUp} frozen: ${this.summary()}`);
    }
    // Nothing more follows.
    await sleep(2_000);
    const [intents, verified] = [await world.intents(), await world.verify()];
    return this.findings(
      [...intents].filter(([, count]) => count > 1).map(([id]) => id),
      verified,
    );
  }

  private summary(): string {
    const { inTime, late, heldBack, wronged, missed } = this.findings([], '');
    return `${inTime} bought in time (${heldBack} held back), ${late} late; ${wronged.length} wronged, ${missed.length} missed`;
  }

  /** Carts are abandoned one after the other; the first message that is due finds a stage frozen. */
  private async wave(heldUp: (typeof HELD_UP)[number], firstCart: number): Promise<void> {
    const { racing, quiet } = this.options;
    const carts = Array.from({ length: racing + quiet }, (_, i) => firstCart + i);
    const chosen = new Set(
      carts
        .map((cart) => ({ cart, at: this.random.next() }))
        .sort((a, b) => a.at - b.at)
        .slice(0, racing)
        .map(({ cart }) => cart),
    );
    const racers = carts.map((cart): Racer => ({ cart, isRacing: chosen.has(cart), hasEnded: false, steps: [] }));
    for (const racer of racers) this.racers.set(String(racer.cart), racer);
    const moving = new AbortController();
    const movers = this.move(moving.signal);
    movers.catch(() => undefined);
    const abandoned: Promise<number>[] = [];
    for (const cart of carts) {
      abandoned.push(this.retailer.send('cart_abandoned', cartOf(cart)));
      await sleep(SPACING_MS);
    }
    await Promise.all(abandoned);
    const firstDueMs = await waitUntil('a wait is reached', () => racers[0]!.dueMs ?? racers[1]!.dueMs);
    await sleepUntil(firstDueMs - 200);
    const frozen = await this.freeze(heldUp);
    const frozenAtMs = Date.now();
    await sleep(FROZEN_MS);
    process.kill(frozen.pid, 'SIGCONT');
    const thawedAtMs = Date.now();
    await waitUntil('all runs of the wave have ended', () => racers.every(({ hasEnded }) => hasEnded), {
      timeoutMs: WAVE_TIMEOUT_MS,
      everyMs: 100,
    });
    moving.abort();
    await Promise.all([movers, ...this.checkouts]);
    for (const { dueMs = 0, acceptedMs = Infinity, boughtCart = 0 } of racers) {
      const isHeld = frozen.holds(boughtCart) && acceptedMs > frozenAtMs && dueMs < thawedAtMs;
      if (isHeld && acceptedMs < dueMs) this.heldBack++;
    }
  }

  private async freeze(what: (typeof HELD_UP)[number]): Promise<{ pid: number; holds(cart: number): boolean }> {
    const { world, slow, retailer } = this;
    const partitions = new Set(what === 'carts' ? await slow.running(TOPICS.cartEvents) : []);
    const pid = what === 'carts' ? slow.pid : await world.pidOf(what);
    await freeze(pid);
    const holds = (cart: number): boolean =>
      partitions.has(world.kafka.partitionFor(cartKey(retailer.workspace.id, String(cart)), PARTITIONS));
    return { pid, holds };
  }

  /** Other carts are filled meanwhile, so that log time advances by all partitions that are not frozen. */
  private async move(signal: AbortSignal): Promise<void> {
    for (let i = 0; !signal.aborted; i++) {
      const cart = MOVERS + (i % 64);
      await this.send({ ...cartOf(cart), status: 'pending', amount: i });
      await sleep(MOVER_EVERY_MS);
    }
  }

  private onStep({ cart_id, node, what, reason, at }: FlowEvent): void {
    const racer = this.racers.get(cart_id);
    if (racer === undefined) return;
    racer.steps.push([what, node, reason].join(' ').trim());
    if (what === 'reached' && node === 'pause') {
      racer.dueMs = at + WAIT_SECONDS * 1_000;
      if (racer.isRacing) this.checkouts.push(this.buy(racer, racer.dueMs));
    }
    if (what === 'sent' || what === 'unknown') racer.outcomeMs = at;
    if (what === 'completed' || what === 'exited') racer.hasEnded = true;
  }

  /** The checkout of the cart, or of another cart of the person, has its answer LEAD_MS before the message is due. */
  private async buy(racer: Racer, dueMs: number): Promise<void> {
    racer.boughtCart = racer.cart + (this.random.chance(0.5) ? OTHERS : 0);
    const cart = { ...cartOf(racer.boughtCart, racer.cart), status: 'verification' };
    await sleepUntil(dueMs - 1_000);
    await sleepUntil(dueMs - LEAD_MS - Math.max(...this.tookMs, 0));
    racer.acceptedMs = await this.send(cart);
  }

  /** Resolves with the time of the 202. */
  private async send(cart: object): Promise<number> {
    const sentMs = Date.now();
    const acceptedMs = await this.retailer.send('cart_status', cart);
    this.tookMs.push(acceptedMs - sentMs);
    if (this.tookMs.length > LATEST) this.tookMs.shift();
    return acceptedMs;
  }

  private findings(calledTwice: string[], verified: string): RacesFindings {
    const racers = [...this.racers.values()];
    const messages = ({ steps }: Racer): number => steps.filter((step) => /^(sent|unknown) /.test(step)).length;
    const isInTime = ({ dueMs = 0, acceptedMs = Infinity }: Racer): boolean => acceptedMs < dueMs;
    const inTime = racers.filter(isInTime);
    const others = racers.filter((racer) => !isInTime(racer));
    // Accepted about when it was due: the checkout may have been handled before the message.
    const hasLeft = ({ steps }: Racer): boolean => steps.some((step) => /^exited .* checkout$/.test(step));
    const isRight = (racer: Racer): boolean =>
      messages(racer) === 1 || (racer.isRacing && messages(racer) === 0 && hasLeft(racer));
    const show = ({ cart, dueMs = 0, acceptedMs = 0, steps }: Racer): string =>
      `cart ${cart}, bought ${dueMs - acceptedMs} ms before it was due: ${steps.join(', ')}`;
    const lead = sorted(inTime.map(({ dueMs = 0, acceptedMs = 0 }) => dueMs - acceptedMs));
    const after = sorted(
      others.flatMap(({ dueMs = 0, outcomeMs }) => (outcomeMs === undefined ? [] : outcomeMs - dueMs)),
    );
    return {
      seed: this.options.seed,
      runs: racers.length,
      inTime: inTime.length,
      late: others.filter(({ isRacing }) => isRacing).length,
      heldBack: this.heldBack,
      leadMs: { min: lead[0] ?? 0, median: median(lead), max: lead.at(-1) ?? 0 },
      afterDueMs: { median: median(after), max: after.at(-1) ?? 0 },
      wronged: inTime.filter((racer) => messages(racer) > 0).map(show),
      missed: others.filter((racer) => !isRight(racer)).map(show),
      calledTwice,
      verified,
    };
  }
}

const sleepUntil = (ms: number): Promise<void> => sleep(Math.max(0, ms - Date.now()));
const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const median = (values: readonly number[]): number => values[Math.floor(values.length / 2)] ?? 0;
