/**
 * What merges cost: people who are linked one after another, each with the next, from the newest to the oldest and the
 * other way round, and in pairs of equal size. The fold alone with its state's bytes.
 */
import { parseArgs } from 'node:util';
import { foldPersonInput } from '../lib/people/index.ts';
import { MapStore, recordInput } from '../lib/people/testing.ts';
import type { PersonInput } from '../schemas/types.ts';
import { printJson, printTable } from './measure.ts';

export const HELP = `Measures merges of people without engines: the outcomes that they lead to, and their CPU time.

  npm run bench -- merges [options]

  --records N   half of them are people, half link two of them (6000)
  --help
`;

const ORDERS: Record<string, (people: number) => Iterable<[number, number]>> = {
  'newest to oldest': function* (people) {
    for (let i = people - 1; i > 0; i--) yield [i, i - 1];
  },
  'oldest to newest': function* (people) {
    for (let i = 1; i < people; i++) yield [i - 1, i];
  },
  'pairs, pairs of pairs, …': function* (people) {
    for (let size = 1; size < people; size *= 2) {
      for (let i = 0; i + size < people; i += 2 * size) yield [i, i + size];
    }
  },
};

interface Figures {
  outcomes: number;
  merges: number;
  cpuMs: number;
}

function foldAll(inputs: readonly PersonInput[], people: number): Figures {
  const store = new MapStore();
  const figures = { outcomes: 0, merges: 0, cpuMs: 0 };
  const winners = new Map<number, number>();
  const before = process.cpuUsage();
  inputs.forEach((input, offset) => {
    const outcomes = foldPersonInput(store, input, { logTimeMs: input.received_at, offset });
    figures.outcomes += outcomes.length;
    for (const { merge } of outcomes) {
      if (merge === null) continue;
      figures.merges += 1;
      winners.set(merge.loser, merge.winner);
    }
  });
  const { user, system } = process.cpuUsage(before);
  figures.cpuMs = (user + system) / 1000;
  if (winners.size !== people - 1 || new Set(winners.values()).size !== 1)
    throw new Error('not everybody is one person');
  return figures;
}

export function run(args: string[]): void {
  const { values } = parseArgs({ args, options: { records: { type: 'string', default: '6000' } } });
  const people = Math.floor(Number(values.records) / 2);
  const rows: string[][] = [];
  const all: Record<string, Figures> = {};
  for (const [order, linksOf] of Object.entries(ORDERS)) {
    const inputs = Array.from({ length: people }, (_, i) => recordInput([`user_id:${i}`, `email:${i}@x.io`]));
    for (const [one, other] of linksOf(people)) inputs.push(recordInput([`user_id:${one}`, `email:${other}@x.io`]));
    const figures = foldAll(inputs, people);
    all[order] = figures;
    rows.push([order, ...[inputs.length, figures.outcomes, figures.merges, figures.cpuMs].map(whole)]);
  }
  printTable(['linked from', 'records', 'outcomes', 'of them merges', 'CPU ms'], rows);
  printJson('merges', all);
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');
