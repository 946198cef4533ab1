import { createRandom, type Random } from '../../simulate/random.ts';
import type { ExitCondition, Flow, FlowNode, Goal, Leaf, Reentry } from '../definition.ts';
import type { CaseInput, FlowCase } from './cases.ts';

/** Generated flows and what happens to them, from a seed, within what the oracle knows. */

const STATUSES = ['pending', 'verification', 'preparing', 'ready_for_pickup', 'cancelled'];
const PEOPLE = ['p', 'q', 'r'];
const UNITS = ['minutes', 'hours'] as const;

const leaf = (random: Random): Leaf =>
  random.chance(0.3)
    ? { trait: 'cart_abandoned' }
    : { trait: 'cart_status_updated', ...(random.chance(0.7) ? { status: [random.pick(STATUSES)] } : {}) };

const span = (random: Random) => ({ amount: random.int(1, 40), unit: random.chance(0.9) ? UNITS[0] : UNITS[1] });
const scope = (random: Random) => (random.chance(0.5) ? ('cart' as const) : ('person' as const));

const exitCondition = (random: Random): ExitCondition =>
  random.chance(0.6) ? { checkout: scope(random) } : { event: leaf(random), of: scope(random) };

const goal = (random: Random): Goal => ({
  ...(random.chance(0.6) ? { checkout: 'person' as const } : { event: leaf(random), of: scope(random) }),
  ...(random.chance(0.5) ? { within: { amount: random.int(5, 60), unit: 'minutes' as const } } : {}),
});

const reentry = (random: Random): Reentry => ({
  rule: random.pick(['always', 'after_exit', 'once'] as const),
  per: scope(random),
  ...(random.chance(0.4) ? { cooldown: span(random) } : {}),
});

/** Edges lead to later nodes. */
function nodes(random: Random): Record<string, FlowNode> {
  const names = ['a', 'b', 'c', 'd', 'e'].slice(0, random.int(1, 5));
  return Object.fromEntries(names.map((name, i) => [name, node(random, names.slice(i + 1))]));
}

function node(random: Random, later: readonly string[]): FlowNode {
  const edge = (): string | null => (later.length > 0 && random.chance(0.9) ? random.pick(later) : null);
  switch (random.int(0, 5)) {
    case 0:
      return { type: 'wait', for: span(random), next: edge() };
    case 1: {
      const rest = { type: 'wait_for' as const, timeout: span(random), next: edge(), on_timeout: edge() };
      return random.chance(0.5)
        ? { ...rest, checkout: scope(random) }
        : { ...rest, event: leaf(random), of: scope(random) };
    }
    case 2: {
      const rest = { type: 'split' as const, then: edge(), else: edge() };
      return random.chance(0.5) ? { ...rest, percent: random.int(1, 99) } : { ...rest, trigger: leaf(random) };
    }
    case 3:
      return { type: 'exit', ...(random.chance(0.5) ? { reason: 'done' } : {}) };
    default:
      return { type: 'email', subject: 's', html: 'h', next: edge(), ...(random.chance(0.4) ? { else: edge() } : {}) };
  }
}

function flow(random: Random): Flow {
  const all = nodes(random);
  return {
    name: 'A flow',
    triggers: Array.from({ length: random.int(1, 2) }, () => leaf(random)),
    ...(random.chance(0.4) ? { max_age_minutes: random.int(5, 60) } : {}),
    ...(random.chance(0.7) ? { reentry: reentry(random) } : {}),
    ...(random.chance(0.6) ? { exit_on: Array.from({ length: random.int(0, 2) }, () => exitCondition(random)) } : {}),
    ...(random.chance(0.6) ? { goal: goal(random) } : {}),
    start: 'a',
    nodes: all,
  };
}

/** What is known of the carts, so that records are possible ones. */
class World {
  readonly owners = new Map([
    ['c1', 'p'],
    ['c2', 'p'],
    ['c3', 'q'],
    ['c4', 'r'],
  ]);
  readonly asserted = new Map<string, { cart: string; event: NonNullable<CaseInput['assert']>[number] }>();
  readonly retracted = new Map<string, { cart: string; event: NonNullable<CaseInput['assert']>[number] }>();
  private readonly merged = new Map<string, string>();
  private count = 0;

  constructor(private readonly random: Random) {}

  who = (person: string): string => {
    const winner = this.merged.get(person);
    return winner === undefined ? person : this.who(winner);
  };

  merge(): CaseInput | undefined {
    const [loser, winner] = [this.random.pick(PEOPLE), this.random.pick(PEOPLE)].map(this.who) as [string, string];
    if (loser === winner) return undefined;
    this.merged.set(loser, winner);
    return { at: 0, merge: [loser, winner] };
  }

  part(): CaseInput {
    const cart = this.random.pick([...this.owners.keys()]);
    const person = `n${this.count++}`;
    this.owners.set(cart, person);
    return { at: 0, part: { [cart]: person } };
  }

  changes(at: number): CaseInput {
    const { random } = this;
    const cart = random.pick([...this.owners.keys()]);
    const mine = [...this.asserted].filter(([, known]) => known.cart === cart);
    const gone = [...this.retracted].filter(([, known]) => known.cart === cart);
    const input: CaseInput & { assert: NonNullable<CaseInput['assert']>; retract: string[] } = {
      at,
      cart,
      person: this.who(this.owners.get(cart)!),
      assert: [],
      retract: [],
    };
    if (mine.length > 0 && random.chance(0.3)) {
      const [id, known] = random.pick(mine);
      this.asserted.delete(id);
      this.retracted.set(id, known);
      input.retract.push(id);
      if (random.chance(0.6)) input.assert.push({ ...this.event(at, known.event), replaces: id });
    } else if (gone.length > 0 && random.chance(0.2)) {
      const [id, { event }] = random.pick(gone);
      if (!this.asserted.has(id)) {
        const { replaces: _, ...again } = event;
        input.assert.push(random.chance(0.5) ? again : { ...this.event(at, event), replaces: id });
      }
    }
    if (input.assert.length + input.retract.length === 0 || random.chance(0.2)) input.assert.push(this.event(at));
    input.assert.sort((a, b) => a.t - b.t);
    for (const event of input.assert) {
      this.retracted.delete(event.id);
      this.asserted.set(event.id, { cart, event });
    }
    return input;
  }

  private event(at: number, like?: { trait: string; status?: string }): NonNullable<CaseInput['assert']>[number] {
    const { random } = this;
    const t = at - (random.chance(0.6) ? 0 : random.int(0, 50));
    const id = `e${this.count++}`;
    if ((like?.trait ?? (random.chance(0.35) ? 'cart_abandoned' : '')) === 'cart_abandoned')
      return { id, trait: 'cart_abandoned', t, last_activity: t - random.int(0, 30) };
    return { id, trait: 'cart_status_updated', t, status: like?.status ?? random.pick(STATUSES) };
  }
}

export interface History {
  flowCase: FlowCase;
  cap: { count: number; minutes: number } | null;
}

export function history(seed: number): History {
  const random = createRandom(seed);
  const world = new World(random);
  const flows = { f: flow(random), g: flow(random) };
  const cap = random.chance(0.5) ? { count: random.int(1, 3), minutes: random.int(10, 60) } : null;
  const inputs: CaseInput[] = [];
  for (let at = 0, i = 0; i < 25; i++) {
    at += random.chance(0.2) ? 0 : random.int(1, 15);
    inputs.push({ ...input(random, world, at), at });
  }
  const profile = (name: string, no = false): FlowCase['people'][string] => ({
    phones: [],
    emails: [[`${name}@example.com`, no ? 'opted_out' : null]],
  });
  return {
    cap,
    flowCase: {
      name: `history ${seed}`,
      flows,
      zone: 'UTC',
      epoch: '2026-03-02T15:00:00Z',
      people: { p: profile('p'), q: profile('q'), r: profile('r', true) },
      ...(cap === null ? {} : { frequency_cap: { count: cap.count, per: { amount: cap.minutes, unit: 'minutes' } } }),
      inputs,
      steps: [],
    },
  };
}

function input(random: Random, world: World, at: number): CaseInput {
  const one = random.pick(['f', 'g']);
  const what = random.weighted([
    ['changes', 60],
    ['tick', 12],
    ['pause', 4],
    ['resume', 6],
    ['archive', 1],
    ['publish', 3],
    ['merge', 2],
    ['part', 2],
    ['profile', 3],
  ] as const);
  switch (what) {
    case 'changes':
      return world.changes(at);
    case 'tick':
      return { at, tick: true };
    case 'publish':
      return { at, publish: one, flow: flow(random) };
    case 'merge':
      return world.merge() ?? { at, tick: true };
    case 'part':
      return world.part();
    case 'profile': {
      const person = world.who(random.pick(PEOPLE));
      return {
        at,
        profile: { person, phones: [], emails: [[`${person}@example.com`, random.chance(0.5) ? 'opted_out' : null]] },
      };
    }
    default:
      return { at, [what]: one };
  }
}
