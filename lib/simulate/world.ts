import { createRandom } from './random.ts';

/** Where carts are made and by whom: all of it invented. */
export type Mode = 'pickup' | 'delivery' | 'kiosk' | 'curbside';

export interface Store {
  id: number;
  name: string;
  /** How much of the trade goes through it, relative to the others. */
  share: number;
  modes: readonly (readonly [Mode, number])[];
}

export interface Shopper {
  name: string;
  /** As a store's forms contain it: several ways of writing, all of them readable with the default country US. */
  phone: string;
  email: string;
  /** Set for those with an account at Jane. */
  userId: number | null;
  /** Set for those known to the retailer's own loyalty programme. */
  externalId: string | null;
}

export interface MenuItem {
  productId: string;
  /** US dollars. */
  price: number;
}

const PLACES = [
  'Harbor Street',
  'Old Mill',
  'Sunset Row',
  'North Park',
  'Ferry Landing',
  'Cedar Hill',
  'Riverside',
  'Union Square',
  'Canyon Road',
  'Lakeview',
  'Market Hall',
  'Palm Avenue',
];
const FIRST = [
  'Ava Ben Carmen Dario Elena Felix Grace Hana Isaac Jada Kai Lena Malik Nora Omar Priya Quinn Rosa Sam Tara',
  'Uma Victor Wren Xavier Yara Zane Alma Bruno Celia Dev Esme Finn Gia Hugo Iris Jonah Keiko Leo Mina Noel',
]
  .join(' ')
  .split(' ');
const LAST = [
  'Abbott Bauer Castillo Diaz Endo Fischer Garcia Hughes Ito Jensen Kealoha Larsen Moreno Nguyen Okafor Park',
  'Quiroz Reyes Sato Tanaka Ueda Vargas Walsh Xu Young Zamora Adler Brooks Chen Duarte Ellis Flores Grant Hill',
]
  .join(' ')
  .split(' ');
const AREA_CODES = [
  '201 202 206 207 213 303 305 312 313 323 347 401 408 413 415 424 503 505 510 520',
  '530 541 602 609 617 619 626 702 707 718 720 734 760 774 805 808 818 858 907 917',
]
  .join(' ')
  .split(' ');
const DOMAINS = ['example.com', 'example.org', 'example.net'];

/** `count` stores (at least 1); the first is the busiest, every third one does not deliver. */
export function createStores(count: number): Store[] {
  return Array.from({ length: Math.max(1, count) }, (_, index) => ({
    id: 68 + index,
    name: PLACES[index % PLACES.length]! + (index < PLACES.length ? '' : ` ${Math.floor(index / PLACES.length) + 1}`),
    share: 1 / (index + 1.5),
    modes: [
      ['pickup', 5],
      ['delivery', index % 3 === 2 ? 0 : 3],
      ['curbside', 1.2],
      ['kiosk', 0.8],
    ],
  }));
}

/** The menu that every store sells from: 60 products, from cheap to dear. */
export const MENU: readonly MenuItem[] = Array.from({ length: 60 }, (_, index) => ({
  productId: String(20_001 + index * 7),
  price: Math.round((6 + ((index * 37) % 61) * 1.25) * 100) / 100,
}));

/** Writes a North American number in one of the ways in which people do. */
function writePhone(area: string, line: string, style: number): string {
  if (style === 0) return `+1${area}555${line}`;
  if (style === 1) return `(${area}) 555-${line}`;
  if (style === 2) return `${area}-555-${line}`;
  return `1.${area}.555.${line}`;
}

/**
 * The shopper with this number (from 0), always the same one. No two of the first 400,000 share a phone, an
 * address or an id.
 */
export function createShopper(index: number): Shopper {
  const random = createRandom(index);
  const first = random.pick(FIRST);
  const last = random.pick(LAST);
  const area = AREA_CODES[index % AREA_CODES.length]!;
  const line = String((Math.floor(index / AREA_CODES.length) * 7 + 100) % 10_000).padStart(4, '0');
  const address = `${first}.${last}${index + 1}@${random.pick(DOMAINS)}`;
  return {
    name: `${first} ${last}`,
    phone: writePhone(area, line, random.int(0, 3)),
    email: random.chance(0.2) ? address : address.toLowerCase(),
    userId: random.chance(0.35) ? 500_000 + index : null,
    externalId: random.chance(0.15) ? `L${String(index + 1).padStart(6, '0')}` : null,
  };
}
