import { createRandom, type Random } from '../../simulate/random.ts';
import type { Flow } from '../definition.ts';
import type { CaseInput, FlowCase } from './cases.ts';
import { generatedFlow, nextVersion, POOLS } from './generated-flows.ts';
import { World } from './generated-world.ts';

/** Generated flows and what happens to them, from a seed. */

const FLOWS = ['f', 'g'];
const INPUTS = 60;

/** In the middle of a day, before its evening, and before nights in which clocks change. */
const EPOCHS = [
  '2026-03-02T15:00:00Z',
  '2026-03-03T00:30:00Z',
  '2026-03-03T11:00:00Z',
  '2026-03-08T04:00:00Z',
  '2026-11-01T03:00:00Z',
  '2026-10-24T20:00:00Z',
];
const ZONES = ['UTC', 'America/New_York', 'America/New_York', 'America/Los_Angeles', 'Europe/London'];

const settings = (random: Random): Pick<FlowCase, 'frequency_cap' | 'quiet_hours'> => ({
  ...(random.chance(0.5)
    ? {
        frequency_cap: {
          count: random.int(1, 3),
          per: random.chance(0.9)
            ? { amount: random.int(10, 300), unit: 'minutes' }
            : { amount: random.int(1, 2), unit: 'days' },
        },
      }
    : {}),
  ...(random.chance(0.5)
    ? {
        quiet_hours: {
          ...random.pick([
            { from: '09:00', to: '20:30' },
            { from: '00:00', to: '23:59' },
            { from: '12:15', to: '12:45' },
            { from: '20:00', to: '02:30' },
          ]),
          channels: random.pick([['sms'], ['sms', 'email'], ['email', 'webhook'], []]),
        },
      }
    : {}),
});

export function history(seed: number): FlowCase {
  const random = createRandom(seed);
  const world = new World(random);
  const flows = new Map(FLOWS.map((id) => [id, generatedFlow(random)]));
  const isSettled = random.chance(0.4);
  const theCase: FlowCase = {
    name: `history ${seed}`,
    flows: Object.fromEntries(flows),
    zone: random.pick(ZONES),
    epoch: random.pick(EPOCHS),
    people: Object.fromEntries(world.profiles),
    ...settings(random),
    code_pools: Object.fromEntries(POOLS.map((pool) => [pool, random.int(0, 3)])),
    ...(isSettled ? { settled: true } : {}),
    isGenerated: true,
    inputs: [],
    steps: [],
  };
  const draw = new Draw(random, world, flows, isSettled);
  for (let at = 0; theCase.inputs.length < INPUTS;) {
    at += random.weighted([
      [0, 20],
      [0.001, 5],
      [random.int(1, 15), 70],
      [random.int(60, 900), 5],
    ]);
    at = Math.round(at * 1_000) / 1_000;
    theCase.inputs.push(...draw.inputs(at).map((input) => ({ ...input, at })));
  }
  return theCase;
}

const INPUT_KINDS = [
  ['changes', 46],
  ['stands', 16],
  ['tick', 8],
  ['reply', 14],
  ['settled', 12],
  ['flow', 16],
  ['merge', 4],
  ['part', 2],
  ['erase', 1],
  ['profile', 4],
  ['settings', 1],
  ['suppress', 1],
  ['code_pool', 1],
] as const;
type InputKind = (typeof INPUT_KINDS)[number][0];

const COMMANDS = [
  ['pause', 5],
  ['resume', 8],
  ['archive', 0.4],
  ['publish', 9],
  ['cancel', 2],
] as const;
type CommandKind = (typeof COMMANDS)[number][0];

class Draw {
  private codes = 3;
  private paused: string | undefined;
  private readonly weights: (readonly [InputKind, number])[];
  private readonly commands: (readonly [CommandKind, number])[];

  constructor(
    private readonly random: Random,
    private readonly world: World,
    private readonly flows: Map<string, Flow>,
    private readonly isSettled: boolean,
  ) {
    // Each history has more of some things than others.
    const swayed = <T>([kind, weight]: readonly [T, number]) => [kind, weight * random.pick([0.3, 1, 1, 4])] as const;
    this.weights = INPUT_KINDS.map(swayed);
    this.commands = COMMANDS.map(swayed);
  }

  /** What happens next: one record, or some at the same time. */
  inputs(at: number): CaseInput[] {
    const { random, world } = this;
    // A pause is mostly short: messages are out when it begins, and when it ends.
    const paused = this.paused !== undefined && random.chance(0.25) ? this.paused : undefined;
    this.paused = paused === undefined ? this.paused : undefined;
    if (paused !== undefined) return [{ at, resume: paused }];
    const what = random.weighted(this.weights);
    switch (what) {
      case 'changes':
        return [world.changes(at)];
      case 'stands':
        return [world.stands(at)];
      case 'reply':
        return [{ at, reply: random.int(0, 1_000) }];
      case 'settled':
        return this.isSettled ? [{ at, settled: at - (random.chance(0.5) ? 0 : random.int(0, 10)) }] : [];
      case 'flow':
        return [this.command(at)];
      case 'settings':
        return [{ at, settings: settings(random) }];
      case 'suppress':
        return world.addresses().length === 0
          ? []
          : [{ at, suppress: { ...random.pick(world.addresses()), lifted: random.chance(0.4) } }];
      case 'code_pool':
        return [{ at, code_pool: { name: random.pick(POOLS), total: ++this.codes } }];
      case 'profile':
        return [world.profile()];
      case 'tick':
        return [{ at, tick: true }];
      default:
        return world[what]();
    }
  }

  private command(at: number): CaseInput {
    const { random } = this;
    const id = random.pick(FLOWS);
    const what = random.weighted(this.commands);
    if (what === 'cancel') return { at, cancel: { cart: random.pick(this.world.cartNames), flow: id } };
    if (what === 'pause') this.paused = id;
    if (what !== 'publish') return { at, [what]: id };
    const flow = nextVersion(random, this.flows.get(id)!);
    this.flows.set(id, flow);
    return { at, publish: id, flow, runs: random.chance(0.8) ? 'move' : 'finish' };
  }
}
