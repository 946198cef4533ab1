/** Random people, trees and times, from a seed. Most times lie on an edge of something that a tree may ask for. */
import type { Random } from '../../carts/testing/random.ts';
import type { Audience, DwellNode, TimeCondition, TraitNode } from '../tree.ts';
import { startOfDay, step, type Unit } from './calendar.ts';
import type { Asked, History, PastCart, PastEvent } from './oracle.ts';

const DAY = 86_400_000;

/** Zones with days of 23, 24 and 25 hours, without midnights, with half hours, and with a day that is missing. */
export const ZONES = [
  'UTC',
  'America/New_York',
  'America/Sao_Paulo',
  'America/St_Johns',
  'Asia/Kathmandu',
  'Asia/Beirut',
  'Australia/Lord_Howe',
  'Europe/London',
  'Pacific/Apia',
] as const;

/** Nows about which something happens to the calendar, or nothing. */
const NOWS = [
  '2026-03-08T07:00:00Z',
  '2026-03-09T06:30:00Z',
  '2026-03-29T01:00:00Z',
  '2026-03-31T12:00:00Z',
  '2026-11-01T05:30:00Z',
  '2026-11-02T06:30:00Z',
  '2024-02-29T23:59:59.999Z',
  '2011-12-31T10:30:00Z',
  '2011-12-29T20:00:00Z',
  '2018-11-04T03:00:00Z',
  '2018-02-18T02:30:00Z',
  '2026-04-04T15:15:00Z',
  '2026-10-03T15:30:00Z',
  '2026-06-15T12:34:56.789Z',
];

export const STATUSES = [
  'pending',
  'verification',
  'staff_member_review',
  'preparing',
  'ready_for_pickup',
  'delivery_started',
  'delivery_finished',
  'finished',
  'finished_without_review',
  'with_review',
  'cancelled',
  'dismissed',
  'on_hold',
  'über\'lauf\\"',
] as const;
const STORES = ['68', "6'8", ''];
const MODES = ['pickup', 'delivery', 'curbside'];
const PRODUCTS = ['p1', 'p2', 'p 3'];
const AMOUNTS = [0, 10, 41.8, 99.99];
const STEPS: [number, Unit][] = [
  [1, 'minutes'],
  [90, 'minutes'],
  [1, 'hours'],
  [24, 'hours'],
  [1, 'days'],
  [2, 'days'],
  [30, 'days'],
  [1, 'weeks'],
  [1, 'months'],
  [2, 'months'],
  [13, 'months'],
];
const LONG: [number, Unit] = [100_000, 'months'];

export interface GeneratedPerson extends History {
  id: number;
  /** 0, or the person that this one was merged into; aliases are flat. */
  mergedInto: number;
  reachableSms: boolean;
  reachableEmail: boolean;
}

export interface GeneratedWorld {
  zone: string;
  /** The middle of the histories. */
  now: number;
  /** Times that mean something. */
  edges: number[];
  /** Days about now. */
  days: string[];
  people: GeneratedPerson[];
}

const maybe = <T>(random: Random, value: () => T, probability = 0.3): T | null =>
  random.chance(probability) ? null : value();

/** A world of so many people, up to 12 unless it is given. */
export function generateWorld(random: Random, size = 1 + random.below(12)): GeneratedWorld {
  const zone = random.pick(ZONES);
  const now = random.chance(0.8)
    ? Date.parse(random.pick(NOWS))
    : Date.UTC(2020, 0, 1) + random.below(2_500 * 24) * 3_600_000 + random.below(3_600_000);
  const days = [-62, -31, -30, -2, -1, 0, 1].map((n) => new Date(now + n * DAY).toISOString().slice(0, 10));
  const edges = [
    now,
    ...days.flatMap((day) => [startOfDay(day, zone), startOfDay(day, zone, 1)]),
    ...STEPS.flatMap(([amount, unit]) => [step(now, -amount, unit, zone)!, step(now, amount, unit, zone)!]),
  ];
  const world = { zone, now, edges, days };
  /** Nobody is merged into a person who was merged. */
  const remaining: number[] = [];
  const people = Array.from({ length: size }, (_, i): GeneratedPerson => {
    const anonymous = random.chance(0.3);
    const mergedInto = i >= 2 && random.chance(0.35) ? random.pick(remaining) : 0;
    if (mergedInto === 0) remaining.push(i + 1);
    return {
      id: i + 1,
      mergedInto,
      firstAt: random.chance(0.2) ? timeNear(world, random) : 0,
      anonymous,
      reachableSms: !anonymous && random.chance(0.5),
      reachableEmail: !anonymous && random.chance(0.5),
      events: [],
      carts: [],
    };
  });
  const taken = new Set<string>();
  for (let n = random.below(4 * size); n >= 0; n--) {
    const event = generateEvent(world, random, `e${random.below(2 * size)}`);
    const name = JSON.stringify([event.cart, event.trait, event.status, event.at]);
    if (taken.has(name)) continue;
    taken.add(name);
    random.pick(people).events.push(event);
  }
  for (let n = random.below(3 * size); n >= 0; n--)
    random.pick(people).carts.push(generateCart(world, random, `c${n}`));
  return { ...world, people };
}

type Frame = Omit<GeneratedWorld, 'people'>;

function timeNear({ now, edges }: Frame, random: Random): number {
  if (random.chance(0.75)) return Math.max(1, random.pick(edges) + random.below(3) - 1);
  return Math.max(1, now + Math.round((random.below(101) - 90) * DAY * 0.7) + random.below(DAY));
}

const productsOf = (random: Random): { id: string; count: number }[] =>
  Array.from({ length: random.below(3) }, () => ({ id: random.pick(PRODUCTS), count: random.pick([-1, 0, 0.5, 2]) }));

const valuesOf = (random: Random): Pick<PastCart, 'store' | 'mode' | 'amount' | 'products'> => ({
  store: maybe(random, () => random.pick(STORES)),
  mode: maybe(random, () => random.pick(MODES)),
  amount: maybe(random, () => random.pick(AMOUNTS)),
  products: productsOf(random),
});

function generateEvent(frame: Frame, random: Random, cart: string): PastEvent {
  const trait = random.pick(['cart_abandoned', 'cart_status_updated'] as const);
  const isAbandoned = trait === 'cart_abandoned';
  const at = timeNear(frame, random);
  const detectedAt = at + random.pick([0, 1, DAY]);
  return {
    trait,
    status: isAbandoned ? '' : random.pick(STATUSES),
    at,
    detectedAt,
    retractedAt: random.chance(0.8) ? null : detectedAt + random.pick([1, DAY]),
    recoveredAt: isAbandoned ? maybe(random, () => Math.max(at, timeNear(frame, random)), 0.5) : null,
    anomaly: isAbandoned ? null : maybe(random, () => random.pick(['backward', 'after_terminal']), 0.6),
    cart,
    ...valuesOf(random),
  };
}

function generateCart(frame: Frame, random: Random, cart: string): PastCart {
  const times = Array.from({ length: random.below(6) }, () => timeNear(frame, random)).sort((a, b) => a - b);
  const changes: PastCart['changes'] = [];
  for (const at of times) {
    const status = random.chance(0.5) ? random.pick(['preparing', 'verification', 'on_hold']) : random.pick(STATUSES);
    if (status !== changes.at(-1)?.status) changes.push({ status, at });
  }
  return {
    cart,
    changes,
    deadline: maybe(random, () => timeNear(frame, random), 0.4),
    reservation: maybe(random, () => timeNear(frame, random)),
    ...valuesOf(random),
  };
}

/** What remains after merges: people whose histories include those of everybody merged into them. */
export function afterMerges({ people }: GeneratedWorld): GeneratedPerson[] {
  return people
    .filter(({ mergedInto }) => mergedInto === 0)
    .map((person) => {
      const all = [person, ...people.filter(({ mergedInto }) => mergedInto === person.id)];
      return { ...person, events: all.flatMap(({ events }) => events), carts: all.flatMap(({ carts }) => carts) };
    });
}

/** Some of the values, at least one. */
function some<T>(random: Random, values: readonly T[], most = 3): T[] {
  const found = new Set(Array.from({ length: 1 + random.below(most) }, () => random.pick(values)));
  return [...found];
}

function generateTime(frame: Frame, random: Random): TimeCondition {
  const instant = (): string => new Date(timeNear(frame, random)).toISOString();
  const day = (): string => random.pick(frame.days);
  const either = random.chance(0.5) ? instant : day;
  switch (random.pick(['after', 'on', 'before', 'between', 'in_last', 'in_last'] as const)) {
    case 'after':
      return { operator: 'after', date: either() };
    case 'on':
      return { operator: 'on', date: day() };
    case 'before':
      return { operator: 'before', date: either() };
    case 'between': {
      const [from, to] = [either(), either()].sort();
      return { operator: 'between', from: from!, to: to! };
    }
    case 'in_last':
      return { operator: 'in_last', ...generateDuration(random) };
  }
}

function generateDuration(random: Random): { amount: number; unit: Unit } {
  const [amount, unit] = random.chance(0.03) ? LONG : random.pick(STEPS);
  return { amount, unit };
}

function generateLeaf(frame: Frame, random: Random, withCarts: boolean): Audience {
  const kind = random.below(withCarts ? 20 : 12);
  if (kind === 0) return { everyone: true };
  if (kind >= 16) {
    const statuses = some(random, ['preparing', 'verification', 'on_hold', ' Preparing', ...STATUSES]);
    const dwell: DwellNode['dwell'] = { status: statuses, for: generateDuration(random) };
    if (random.chance(0.3)) dwell.store_id = random.chance(0.2) ? [] : some(random, STORES);
    return { dwell };
  }
  const trait = random.pick(['cart_abandoned', 'cart_status_updated'] as const);
  const leaf: TraitNode = { trait };
  const isNext = kind >= 12;
  if (isNext) leaf.time = { operator: 'in_next', ...generateDuration(random) };
  else if (random.chance(0.7)) leaf.time = generateTime(frame, random);
  if (trait === 'cart_status_updated') {
    const asked = isNext
      ? ['ready_for_pickup', ' Delivery_Started']
      : [...STATUSES, ' Finished\n', 'CANCELLED', 'never'];
    if (random.chance(0.5)) leaf.status = random.chance(0.1) ? [] : some(random, asked, isNext ? 2 : 6);
    if (!isNext && random.chance(0.15)) leaf.anomaly = random.chance(0.5);
  } else if (!isNext && random.chance(0.25)) leaf.recovered = random.chance(0.5);
  if (random.chance(0.2)) leaf.store_id = random.chance(0.1) ? [] : some(random, STORES);
  if (random.chance(0.2)) leaf.mode = some(random, [...MODES, 'kiosk']);
  if (random.chance(0.2)) leaf.product_id = some(random, PRODUCTS);
  if (random.chance(0.2))
    leaf.amount = random.pick([{ min: 10 }, { max: 41.8 }, { min: 10, max: 41.8 }, { min: 10, max: 10 }]);
  if (random.chance(0.25)) leaf.at_least = 1 + random.below(3);
  return leaf;
}

/** Up to `depth` levels. */
export function generateTree(frame: Frame, random: Random, depth: number, withCarts: boolean): Audience {
  if (depth <= 1 || random.chance(0.4)) return generateLeaf(frame, random, withCarts);
  const children = (): Audience[] =>
    Array.from({ length: 1 + random.below(3) }, () => generateTree(frame, random, depth - 1, withCarts));
  switch (random.pick(['and', 'or', 'or', 'not'] as const)) {
    case 'and':
      return { and: children() };
    case 'or':
      return { or: children() };
    case 'not':
      return { not: generateTree(frame, random, depth - 1, withCarts) };
  }
}

/** A tree and how it is asked. Questions about another state of knowledge cannot use carts in their current state. */
export function generateQuestion(world: GeneratedWorld, random: Random): { audience: Audience; asked: Asked } {
  const isKnownAt = random.chance(0.2);
  const now = random.chance(0.6) ? world.now : random.pick(world.edges) + random.below(3) - 1;
  const leaf = (): Audience => generateLeaf(world, random, !isKnownAt);
  // Enough leaves for the other form of the query.
  const wide = (): Audience => ({ or: Array.from({ length: 7 }, () => ({ and: [leaf(), { not: leaf() }, leaf()] })) });
  return {
    audience: random.chance(0.06) ? wide() : generateTree(world, random, 4, !isKnownAt),
    asked: {
      now,
      zone: world.zone,
      includeAnonymous: random.chance(0.6),
      ...(isKnownAt ? { knownAt: timeNear(world, random) } : {}),
    },
  };
}
