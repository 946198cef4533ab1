import { describe, expect, it } from 'vitest';
import { compare, readingsOf } from './against.ts';

const round = (fold: number, p99: number) => [
  { name: 'fold', unit: '/CPU-s', value: fold },
  { name: 'counted, p99', unit: 'ms', value: p99 },
];

describe('two checkouts side by side', () => {
  it('are compared round by round', () => {
    const ours = [round(110, 50), round(90, 40), round(100, 60)];
    const theirs = [round(100, 100), round(100, 40), round(50, 30)];
    expect(compare(ours, theirs)).toEqual([
      { name: 'fold', unit: '/CPU-s', ours: 100, theirs: 100, ratio: { min: 0.9, median: 1.1, max: 2 } },
      { name: 'counted, p99', unit: 'ms', ours: 50, theirs: 40, ratio: { min: 0.5, median: 1, max: 2 } },
    ]);
  });

  it('are compared only by figures that both report', () => {
    expect(compare([round(1, 2)], [[{ name: 'fold', unit: '/CPU-s', value: 4 }]])).toMatchObject([
      { name: 'fold', ratio: { median: 0.25 } },
    ]);
  });

  it('read the reports of every benchmark, each figure with a name of its own', () => {
    expect(readingsOf({ measurements: [{ name: 'in order', perCpuSecond: { median: 7 } }] })).toEqual([
      { name: 'in order', unit: '/CPU-s', value: 7 },
    ]);
    const figures = [
      { name: 'webhooks', unit: '/s', median: 1 },
      { name: '… p99', unit: 'ms', median: 2 },
      { name: 'import', unit: 'lines/s', median: 3 },
      { name: '… p99', unit: 'ms', median: 4 },
    ];
    expect(readingsOf({ figures }).map(({ name }) => name)).toEqual([
      'webhooks',
      'webhooks … p99',
      'import',
      'import … p99',
    ]);
  });
});
