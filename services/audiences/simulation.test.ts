/** The service on a simulated Kafka: killed, frozen and cut off, its feed gives what a full evaluation gives. */
import { describe, expect, it } from 'vitest';
import { partitionFor } from '../../lib/kafka/murmur2.ts';
import { randomFrom, type Random } from '../../lib/carts/testing/random.ts';
import type { Audience } from '../../lib/audiences/index.ts';
import type { Outcome } from '../../schemas/types.ts';
import {
  abandonedIn,
  definition,
  erasureOutcome,
  membersOf,
  mergeOutcome,
  personOutcome,
  SimulatedInstallation,
  traitFacts,
  traitOutcome,
} from './testing.ts';

const WORKSPACES = ['acme', 'globex', 'initech'];
const SEEDS = Number(process.env['JT_AUDIENCES_SEEDS'] ?? 12);

function treeOf(random: Random): Audience {
  const window = abandonedIn(1 + random.below(3));
  return random.pick<Audience>([
    window,
    { not: window },
    { trait: 'cart_abandoned', at_least: 2 },
    { and: [{ trait: 'cart_abandoned' }, { not: abandonedIn(1) }] },
    { everyone: true },
  ]);
}

/** Draws what happens; everything that it says of people is kept here, as the stages before would. */
class Story {
  private people = new Map<string, Map<number, Map<string, ReturnType<typeof traitFacts>>>>();
  private merged = new Map<string, number>();
  private next = new Map<string, number>();
  private events = 0;

  constructor(
    private readonly world: SimulatedInstallation,
    private readonly random: Random,
  ) {}

  /** One more thing that happens in some workspace. */
  happen(): void {
    const { random, world } = this;
    const workspace = random.pick(WORKSPACES);
    const outcomes: Outcome[] = [];
    for (let i = 0; i <= random.below(4); i++) outcomes.push(...this.outcomes(workspace));
    if (outcomes.length > 0) world.append(workspace, outcomes, random.below(random.chance(0.1) ? 3_000 : 300));
  }

  private outcomes(workspace: string): Outcome[] {
    const { random } = this;
    const people = this.people.get(workspace) ?? new Map<number, Map<string, ReturnType<typeof traitFacts>>>();
    this.people.set(workspace, people);
    const ids = [...people.keys()];
    const kind = ids.length < 3 ? 0 : random.below(10);
    if (kind < 2) {
      const id = (this.next.get(workspace) ?? 0) + 1;
      this.next.set(workspace, id);
      people.set(id, new Map());
      return [personOutcome(workspace, id)];
    }
    const id = random.pick(ids);
    const events = people.get(id)!;
    if (kind === 2 && events.size > 0) {
      const [event] = [...events.values()];
      events.delete(event!.event_id);
      return [traitOutcome(workspace, id, { ...event!, retracted_at: 1 })];
    }
    if (kind === 3) {
      const winner = random.pick(ids);
      if (winner === id) return [];
      people.delete(id);
      for (const [eventId, event] of events) people.get(winner)!.set(eventId, event);
      this.merged.set(`${workspace}:${id}`, winner);
      return [mergeOutcome(workspace, id, winner)];
    }
    if (kind === 4 && random.chance(0.3)) {
      // People who were merged into them are erased too.
      const former = [...this.merged].filter(([, to]) => to === id).length;
      if (former > 0) return [];
      people.delete(id);
      return [erasureOutcome(workspace, id)];
    }
    const event = traitFacts(`e${this.events++}`, this.world.wallMs - random.below(150_000));
    events.set(event.event_id, event);
    // What is said of somebody who was merged belongs to the winner.
    const former = [...this.merged].find(([key, winner]) => winner === id && key.startsWith(`${workspace}:`))?.[0];
    const under = former !== undefined && random.chance(0.5) ? Number(former.split(':')[1]) : id;
    return [traitOutcome(workspace, under, event)];
  }
}

function redefine(world: SimulatedInstallation, random: Random, versions: Map<string, number>): void {
  const workspace = random.pick(WORKSPACES);
  const id = `${workspace}-${random.below(3)}`;
  const version = (versions.get(id) ?? 0) + 1;
  versions.set(id, version);
  if (random.chance(0.2)) world.define(null, id);
  else world.define(definition(id, treeOf(random), { workspace, version }));
}

/** Until the feed gives what everybody evaluated now gives. */
async function settles(world: SimulatedInstallation): Promise<void> {
  let wrong = 'nothing';
  for (let round = 0; round < 600; round++) {
    await world.loop.run(500);
    wrong = difference(world);
    if (wrong === '') return;
  }
  throw new Error(`${wrong}\n${world.log.slice(-20).join('\n')}`);
}

function difference(world: SimulatedInstallation): string {
  const members = new Map(world.feed().flatMap((feed) => [...membersOf(feed)]));
  const shown = (ids: Iterable<number>): string => [...ids].sort((a, b) => a - b).join();
  for (const [id, live] of world.definitions) {
    const has = shown(members.get(id) ?? []);
    const expected = live === null ? has : shown(world.expected(live));
    if (has !== expected) return `${id}: ${has} instead of ${expected}`;
  }
  return '';
}

/** When neither events nor times are left, nothing is read and nothing is written. */
async function isQuiet(world: SimulatedInstallation, versions: Map<string, number>): Promise<void> {
  for (const [id, live] of [...world.definitions]) {
    const version = (versions.get(id) ?? 0) + 1;
    if (live !== null) world.define({ ...live, version, audience: { everyone: true } });
  }
  await settles(world);
  await world.loop.run(15_000);
  const [reads, written] = [world.reads, world.written()];
  await world.loop.run(240_000);
  expect({ reads: world.reads, written: world.written() }).toEqual({ reads, written });
}

describe('a build', () => {
  const everyone = (workspace: string) => definition(`${workspace}-all`, { everyone: true }, { workspace });
  // Both are in the same partition.
  const [first = '', second = ''] = WORKSPACES.filter((each) => partitionFor(each, 2) === partitionFor('acme', 2));

  it('sees what was read before the audience was live, also behind records that still wait', async () => {
    const world = new SimulatedInstallation(randomFrom(1));
    world.start();
    await world.loop.run(10_000);
    world.define(everyone(first));
    await world.loop.run(5_000);
    world.append(first, [personOutcome(first, 1)], 4_000);
    world.append(second, [personOutcome(second, 1)], 4_000);
    await world.loop.run(1_000);
    world.define(everyone(second));
    await world.loop.run(20_000);
    expect(
      world
        .feed()
        .flat()
        .map(({ audience_id, cause }) => `${audience_id} ${cause}`),
    ).toEqual([`${first}-all event`, `${second}-all definition`]);
  });

  it('waits for what was read while no audience was live', async () => {
    const world = new SimulatedInstallation(randomFrom(1));
    world.start();
    await world.loop.run(10_000);
    world.append(first, [personOutcome(first, 1)], 4_000);
    await world.loop.run(1_000);
    world.define(everyone(first));
    await world.loop.run(20_000);
    expect(
      world
        .feed()
        .flat()
        .map(({ change }) => change),
    ).toEqual(['entered']);
  });
});

describe('a step', () => {
  it('is completed before the definitions change again', async () => {
    const world = new SimulatedInstallation(randomFrom(1));
    const ids = Array.from({ length: 40 }, (_, i) => i + 1);
    const before = definition('a', { everyone: true });
    const said = (): string[] => world.feed().flatMap((feed) => feed.map(({ change, cause }) => `${change} ${cause}`));
    const left = (): number => said().filter((line) => line === 'left definition').length;
    world.start();
    await world.loop.run(10_000);
    const people = ids.map((id) => personOutcome('acme', id));
    world.append('acme', people, 0);
    const abandoned = ids.slice(0, 20).map((id) => traitOutcome('acme', id, traitFacts(`e${id}`, world.wallMs)));
    world.append('acme', abandoned, 0);
    world.define(before);
    await world.loop.run(20_000);
    world.define({ ...before, version: 2, audience: { not: abandonedIn(60) } });
    // While others wait, it is made in parts.
    while (left() === 0) {
      world.append('acme', [personOutcome('acme', 40)], 0);
      await world.loop.run(10);
    }
    expect(left()).toBeLessThan(20);
    world.remove('a');
    await world.loop.run(20_000);
    expect(left()).toBe(20);
    expect(world.feed().flatMap((feed) => [...(membersOf(feed).get('a') ?? [])])).toHaveLength(20);
  });
});

describe('live audiences under faults', () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('seed %i', async (seed) => {
    const random = randomFrom(seed);
    const world = new SimulatedInstallation(random);
    const story = new Story(world, random);
    const versions = new Map<string, number>();
    world.skewMaxMs = 2_000;
    for (let i = 0; i < 2; i++) world.start();
    for (let i = 0; i < 3; i++) redefine(world, random, versions);
    await world.loop.run(5_000);
    for (let rest = 0; rest < 3; rest++) {
      world.faultChance = random.pick([0, 0.01, 0.05]);
      for (let step = 0; step < 120; step++) {
        story.happen();
        if (random.chance(0.05)) redefine(world, random, versions);
        const place = random.pick(world.places);
        if (random.chance(0.02)) {
          world.kill(place);
          world.start();
        }
        if (random.chance(0.02)) {
          place.process.freeze();
          world.loop.schedule(random.below(20_000), 'thaws', () => place.process.thaw());
        }
        await world.loop.run(random.below(400));
      }
      world.faultChance = 0;
      await settles(world);
      // Time alone goes on.
      await world.loop.run(random.below(100_000));
      await settles(world);
    }
    expect(world.feed().flat().length).toBeGreaterThan(20);
    await isQuiet(world, versions);
  });
});
