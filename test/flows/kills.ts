/** Runs of flows while the processes that carry them are killed in rotation and one of them is frozen. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, type Random } from '../../lib/simulate/random.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { FlowEvent } from '../../schemas/types.ts';
import { waitUntil } from '../harness/client.ts';
import { freeze } from '../harness/freeze.ts';
import type { Beside } from './beside.ts';
import { replay, type Difference, type Replay } from './replay.ts';
import { cartOf, Retailer } from './retailer.ts';
import { FlowWorld } from './world.ts';

export interface KillsOptions {
  seed: number;
  /** Carts that are abandoned, each with a run. */
  runs: number;
  kills: number;
  /** Between two kills, milliseconds. */
  everyMs: number;
  workspaces: number;
  ownEngines: boolean;
  say(message: string): void;
}

export interface KillsFindings {
  seed: number;
  runs: number;
  kills: string[];
  /** Processes that were frozen until others had taken over their partitions. */
  frozen: string[];
  inputs: number;
  /** Runs by how they ended, and messages by their outcome. */
  ended: Record<string, number>;
  outcomes: Record<string, number>;
  reported: Reported;
  /** Carts without exactly one run, and runs that have not ended exactly once. */
  lost: string[];
  /** Messages without exactly one outcome. */
  undecided: string[];
  /** Messages that were called more than once, or whose outcome says that they were called and that were not. */
  miscalled: string[];
  /** Where the pure fold of the recorded log gives something else. */
  differences: Difference[];
  /** From the last event to the end of all runs, milliseconds. */
  restAfterMs: number;
  verified: string;
}

/** The reports of the API, added up. */
interface Reported {
  entered: number;
  ended: number;
  sent: number;
}

interface Report {
  entered: number;
  completed: number;
  exited: Record<string, number>;
  nodes: Record<string, { sent: number }>;
}

const PARTITIONS = 4;
/** Longer than the session of a group member: others take over its partitions meanwhile. */
const FROZEN_MS = 9_000;
const WAIT_SECONDS = 4;
const CHUNK_MS = 250;
const REST_TIMEOUT_MS = 300_000;
const REST_MS = 2_000;
/** In this order; the last one of a rotation is frozen at its beginning. */
const ROTATION = ['processor', 'delivery', 'people', 'sink'] as const;
const FROZEN = ['delivery-2', 'flows'] as const;
/** Processes beside those of the installation, by name. */
const BESIDES = {
  people: { service: 'processor', env: { PROCESSOR_TOPOLOGIES: 'people' } },
  flows: { service: 'processor', env: { PROCESSOR_TOPOLOGIES: 'flows' } },
  'delivery-2': { service: 'delivery' },
} as const;

const UNSUBSCRIBE = '<a href="{{ unsubscribe_url }}">unsubscribe</a>';
const pause = (next: string) => ({ type: 'wait', for: { amount: WAIT_SECONDS, unit: 'seconds' }, next });

/** Waits, both kinds of split, and one or two messages. */
const FLOW = {
  name: 'Recovery',
  triggers: [{ trait: 'cart_abandoned', time: { operator: 'in_last', amount: 30, unit: 'minutes' } }],
  max_age_minutes: 60,
  start: 'pause',
  nodes: {
    pause: pause('half'),
    half: { type: 'split', percent: 50, then: 'known', else: 'text' },
    known: { type: 'split', if: { trait: 'cart_abandoned' }, then: 'mail', else: 'text' },
    text: { type: 'sms', text: 'Your cart waits at {{ workspace.name }}. Reply STOP to opt out.', next: 'again' },
    again: pause('mail'),
    mail: { type: 'email', subject: 'Your cart', html: `{{ cart.store_name }} ${UNSUBSCRIBE}`, next: null },
  },
};

export async function runKills(options: KillsOptions): Promise<KillsFindings> {
  const world = await FlowWorld.open({ ownEngines: options.ownEngines, partitions: PARTITIONS });
  try {
    return await new Kills(world, options).all();
  } finally {
    await world.close();
  }
}

class Kills {
  private readonly random: Random;
  private readonly retailers: Retailer[] = [];
  private readonly besides = new Map<string, Beside>();
  private readonly kills: string[] = [];
  private readonly frozen: string[] = [];
  private readonly thawing: Promise<void>[] = [];
  private readonly flows = new Map<Retailer, string>();
  private ended = 0;

  constructor(
    private readonly world: FlowWorld,
    private readonly options: KillsOptions,
  ) {
    this.random = createRandom(options.seed);
  }

  async all(): Promise<KillsFindings> {
    const { world, options } = this;
    for (const [name, process] of Object.entries(BESIDES)) {
      this.besides.set(name, world.startBeside({ name, ...process }));
    }
    for (let i = 0; i < options.workspaces; i++) this.retailers.push(await Retailer.open(world.installation));
    await Promise.all(this.retailers.map((retailer, i) => this.prepare(retailer, i)));
    await Promise.all([
      this.besides.get('people')!.untilRunning(TOPICS.personInputs),
      this.besides.get('flows')!.untilRunning(TOPICS.flowInputs),
      this.besides.get('delivery-2')!.untilRunning(TOPICS.sendRequests),
    ]);
    await world.followSteps(({ what }) => {
      if (what === 'completed' || what === 'exited') this.ended++;
    });
    await Promise.all([this.load(), this.killAll()]);
    const sentAtMs = Date.now();
    await Promise.all(this.thawing);
    await waitUntil(`${options.runs} runs have ended`, () => this.isAtRest(), {
      timeoutMs: REST_TIMEOUT_MS,
      everyMs: 200,
    });
    const restAfterMs = Date.now() - sentAtMs;
    // Outcomes of messages that were revoked come after their runs have ended.
    await sleep(REST_MS);
    const reported = await this.reported();
    return this.findings(reported, await replay(world), await world.intents(), await world.verify(), restAfterMs);
  }

  private isAtRest(): boolean {
    if (this.ended >= this.options.runs) return true;
    throw new Error(`${this.ended} have ended`);
  }

  /** Carts 1, 2, … are those of all workspaces in turn. */
  private async prepare(retailer: Retailer, index: number): Promise<void> {
    this.flows.set(retailer, await retailer.publish(FLOW));
    await retailer.consent(this.carts().filter((cart) => this.retailerOf(cart) === this.retailers[index]));
  }

  private carts = (): number[] => Array.from({ length: this.options.runs }, (_, i) => i + 1);
  private retailerOf = (cart: number): Retailer => this.retailers[cart % this.retailers.length]!;

  /** Abandons the carts at an even rate; some of them are bought a few seconds later. */
  private async load(): Promise<void> {
    const { runs, kills, everyMs } = this.options;
    const startMs = Date.now();
    const bought: { cart: number; atMs: number }[] = [];
    let sent = 0;
    while (sent < runs || bought.length > 0) {
      const due = Math.min(runs, Math.ceil((runs * (Date.now() - startMs)) / (kills * everyMs)));
      const abandoned = this.carts().slice(sent, due);
      sent = due;
      for (const cart of abandoned) {
        if (this.random.chance(0.2)) bought.push({ cart, atMs: Date.now() + this.random.between(500, 9_000) });
      }
      const buys = bought.filter(({ atMs }) => atMs <= Date.now());
      bought.splice(0, bought.length, ...bought.filter((one) => !buys.includes(one)));
      await Promise.all([
        ...abandoned.map((cart) => this.retailerOf(cart).send('cart_abandoned', cartOf(cart))),
        ...buys.map(({ cart }) =>
          this.retailerOf(cart).send('cart_status', { ...cartOf(cart), status: 'verification' }),
        ),
      ]);
      await sleep(CHUNK_MS);
    }
  }

  private async killAll(): Promise<void> {
    const { kills, everyMs, say } = this.options;
    for (let i = 0; i < kills; i++) {
      const rotation = Math.floor(i / (ROTATION.length + 1));
      const last = FROZEN[rotation % FROZEN.length]!;
      const name = [...ROTATION, last][i % (ROTATION.length + 1)]!;
      if (name === ROTATION[0]) this.thawing.push(this.freezeAndThaw(last));
      await sleep(everyMs * this.random.between(0.8, 1.2));
      await this.kill(name);
      say(`kill ${i + 1} of ${kills}, ${name}: ${this.ended} of ${this.options.runs} runs have ended`);
    }
  }

  private async freezeAndThaw(name: string): Promise<void> {
    const { pid } = this.besides.get(name)!;
    await freeze(pid);
    this.frozen.push(name);
    await sleep(FROZEN_MS);
    process.kill(pid, 'SIGCONT');
  }

  private async kill(name: string): Promise<void> {
    const beside = this.besides.get(name);
    if (beside === undefined) {
      // It may still be starting after the last kill.
      await waitUntil(`${name} is killed`, () => this.world.installation.kill9(name).then(() => true));
    } else {
      await beside.kill9();
      beside.start();
    }
    this.kills.push(name);
  }

  /** What the API reports of all flows, once the sink has stored the ends of all runs. */
  private reported(): Promise<Reported> {
    return waitUntil(
      'the reports show all runs',
      async () => {
        const total: Reported = { entered: 0, ended: 0, sent: 0 };
        for (const [retailer, id] of this.flows) {
          const report = await retailer.ask<Report>('GET', `/v1/flows/${id}/report`);
          total.entered += report.entered;
          total.ended += report.completed + sum(Object.values(report.exited));
          total.sent += sum(Object.values(report.nodes).map(({ sent }) => sent));
        }
        return total.ended >= this.options.runs && total;
      },
      { timeoutMs: 60_000, everyMs: 500 },
    );
  }

  private findings(
    reported: Reported,
    { inputs, steps, differences }: Replay,
    intents: ReadonlyMap<string, number>,
    verified: string,
    restAfterMs: number,
  ): KillsFindings {
    const byCart = grouped(steps, ({ workspace, cart_id }) => `${workspace} ${cart_id}`);
    const lost = this.carts().flatMap((cart) => {
      const own = byCart.get(`${this.retailerOf(cart).workspace.id} ${cart}`) ?? [];
      const [starts, ends] = [count(own, ['started']), count(own, ['completed', 'exited'])];
      const isWhole = starts === 1 && ends === 1;
      return isWhole ? [] : [`cart ${cart}: ${own.map(({ what, node }) => `${what} ${node}`.trim()).join(', ')}`];
    });
    const messages = grouped(
      steps.filter(({ request_id }) => request_id !== null),
      ({ request_id }) => request_id!,
    );
    const decided = [...messages].map(([id, own]) => ({
      id,
      outcomes: own.filter(({ what }) => what !== 'requested'),
    }));
    const undecided = decided.filter(({ outcomes }) => outcomes.length !== 1);
    const miscalled = decided.flatMap(({ id, outcomes }) => {
      const [called, calls] = [count(outcomes, ['sent', 'unknown']), intents.get(id) ?? 0];
      return calls <= 1 && called <= calls ? [] : [`${id}: ${calls} calls, ${outcomes.map(({ what }) => what).join()}`];
    });
    const surplus = [...intents.keys()].filter((id) => !messages.has(id));
    return {
      seed: this.options.seed,
      runs: this.options.runs,
      kills: this.kills,
      frozen: this.frozen,
      inputs,
      ended: tally(steps.filter(({ what }) => what === 'completed' || what === 'exited').map(nameOf)),
      reported,
      outcomes: tally(decided.flatMap(({ outcomes }) => outcomes.map(nameOf))),
      lost: lost.slice(0, 20),
      undecided: undecided.slice(0, 20).map(({ id, outcomes }) => `${id}: ${outcomes.map(nameOf).join()}`),
      miscalled: [...miscalled, ...surplus.map((id) => `${id}: no message`)].slice(0, 20),
      differences,
      restAfterMs,
      verified,
    };
  }
}

const nameOf = ({ what, reason }: FlowEvent): string => `${what} ${reason}`.trim();

const count = (steps: readonly FlowEvent[], what: readonly FlowEvent['what'][]): number =>
  steps.filter((step) => what.includes(step.what)).length;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function tally(names: readonly string[]): Record<string, number> {
  return Object.fromEntries([...grouped(names, (name) => name)].map(([name, all]) => [name, all.length]));
}
