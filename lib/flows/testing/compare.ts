import type { CaseStep } from './cases.ts';

const MINUTE_MS = 60_000;

/**
 * Two lists of steps in a form in which they can be compared: the steps of one run in order, refusals and goals apart,
 * since the order between runs within a record is free.
 */
export function comparable(expected: readonly CaseStep[], found: readonly CaseStep[]): [string[], string[]] {
  const has = (key: 'flow' | 'cart' | 'run'): boolean => expected.some((step) => step[key] !== undefined);
  const [flow, cart, run] = [has('flow'), has('cart'), has('run')];
  const show = (step: CaseStep): string =>
    [
      (flow ? (step.flow ?? '') : '').padEnd(3),
      (cart ? (step.cart ?? '') : '').padEnd(3),
      step.what === 'refused' || step.what === 'goal' ? 'apart' : 'run  ',
      String(Math.round(step.at * MINUTE_MS) / MINUTE_MS),
      step.what,
      step.node ?? '',
      step.reason ?? '',
    ].join(' ');
  const order = (steps: readonly CaseStep[]): string[] => {
    const groups = new Map<string, string[]>();
    for (const text of steps.map(show)) {
      const key = text.slice(0, 14);
      groups.set(key, [...(groups.get(key) ?? []), text]);
    }
    return [...groups.keys()].sort().flatMap((key) => groups.get(key)!);
  };
  const runs = run ? expected.filter((step) => step.run !== undefined && step.what === 'started') : [];
  const foundRuns = new Set(found.flatMap((step) => (step.what === 'started' ? [step.run] : [])));
  const ids = (steps: readonly CaseStep[]): string[] => steps.map((step) => `run ${step.run}`);
  return [
    [...order(expected), ...ids(runs)],
    [...order(found), ...ids(runs.filter((step) => foundRuns.has(step.run)))],
  ];
}
