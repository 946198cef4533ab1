import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { SendRequest } from '../../schemas/types.ts';
import type { Flow } from './definition.ts';
import { parseFlow } from './parse.ts';
import { CaseRun, type CaseInput, type CaseStep, type FlowCase } from './testing/cases.ts';
import { PureLog } from './testing/pure-log.ts';

/** The tables of scenarios.md: the words of its cells are all that is understood here. */
interface Scenario {
  name: string;
  text: string;
  flows: Flow[];
  rows: { minute: string; happens: string; steps: string }[];
}

function scenarios(): Scenario[] {
  const text = readFileSync(new URL('scenarios.md', import.meta.url), 'utf8');
  return text
    .split('\n## ')
    .slice(1)
    .map((part) => ({
      name: part.slice(0, part.indexOf('\n')),
      text: part,
      flows: [...part.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json]) => flowOf(json!)),
      rows: [...part.matchAll(/^\| *([\d.]+) *\|([^|]*)\|([^|]*)\|$/gm)].map(([, minute, happens, steps]) => ({
        minute: minute!,
        happens: happens!.trim(),
        steps: steps!.trim(),
      })),
    }));
}

function flowOf(json: string): Flow {
  const { flow, issues } = parseFlow({ name: 'A flow', ...(JSON.parse(json) as object) });
  if (flow === undefined) throw new Error(JSON.stringify(issues));
  return flow;
}

/** Carts c1, c2 … are those of p, d1, d2 … of q. */
const personOf = (cart: string): string => (cart.startsWith('c') ? 'p' : 'q');

const STATUS_EVENT = /^([cd]\d) (\w+)(?: at ([\d.]+))?(?:, instead of ([\d.]+))?$/;

/** What a row says happens. */
function inputOf(happens: string, at: number, flows: readonly Flow[]): CaseInput {
  const on = <T>(pattern: RegExp, make: (...groups: string[]) => T): T | undefined => {
    const match = pattern.exec(happens);
    return match === null ? undefined : make(...match.slice(1));
  };
  const input =
    on(/^clock$/, () => ({ tick: true as const })) ??
    on(/^(pause|resume|archive)$/, (what) => ({ [what]: 'f' })) ??
    on(/^publish ([A-Z])(, move)?$/, (letter, move) => ({
      publish: 'f',
      flow: flows[letter.charCodeAt(0) - 65]!,
      runs: move === undefined ? ('finish' as const) : ('move' as const),
    })) ??
    on(/^cancel ([cd]\d)$/, (cart) => ({ cancel: { cart } })) ??
    on(/^([cd]\d): (yes|no)$/, (cart, yes) => ({ answer: { cart, yes: yes === 'yes' } })) ??
    on(/^([cd]\d): (\w+) is (.+)$/, (cart, node, what) => ({ outcome: { cart, node, what } })) ??
    on(/^(\w) becomes (\w)$/, (loser, winner) => ({ merge: [loser, winner] as [string, string] })) ??
    on(/^([cd]\d) belongs to (\w)$/, (cart, person) => ({ part: { [cart]: person } })) ??
    on(/^(\w) is erased$/, (person) => ({ erase: person })) ??
    on(/^(\w) opts (in|out)$/, (person, way) => ({
      profile: { ...profileOf(person, way === 'in' ? 'opted_in' : 'opted_out'), person },
    })) ??
    on(/^([cd]\d) (\w+) at ([\d.]+) is retracted$/, (cart, status, t) => ({
      cart,
      person: personOf(cart),
      retract: [`${cart} ${status} ${t}`],
    })) ??
    on(/^([cd]\d) will be abandoned at ([\d.]+)$/, (cart, due) => ({
      stands: { cart, person: personOf(cart), last_activity: Number(due) - 30, due: Number(due) },
    })) ??
    on(STATUS_EVENT, (cart, status, t = String(at), replaced) => eventOf(cart, status, t, replaced));
  if (input === undefined) throw new Error(`what is "${happens}"?`);
  return { at, ...input };
}

function eventOf(cart: string, status: string, t: string, replaced: string | undefined): Omit<CaseInput, 'at'> {
  const event = {
    id: `${cart} ${status} ${t}`,
    t: Number(t),
    ...(replaced === undefined ? {} : { replaces: `${cart} ${status} ${replaced}` }),
  };
  return {
    cart,
    person: personOf(cart),
    ...(replaced === undefined ? {} : { retract: [`${cart} ${status} ${replaced}`] }),
    assert: [
      status === 'abandoned'
        ? { ...event, trait: 'cart_abandoned', last_activity: Number(t) - 30 }
        : { ...event, trait: 'cart_status_updated', status },
    ],
  };
}

const profileOf = (person: string, consent: 'opted_in' | 'opted_out'): FlowCase['people'][string] => ({
  phones: [[`+1212555010${person === 'p' ? 1 : 2}`, consent]],
  emails: [[`${person}@example.com`, null]],
});

const has = ({ text }: Scenario, words: string): boolean => text.includes(words);

function caseOf(scenario: Scenario): FlowCase {
  const cap = /Cap: (\d+) in (\d+) (\w+)\./.exec(scenario.text);
  const codes = /Codes: (\d+)\./.exec(scenario.text);
  const epoch = /Minute 0 is (\S+Z)\./.exec(scenario.text)?.[1] ?? '2026-03-02T15:00:00Z';
  const nodes = scenario.flows.flatMap(({ nodes: all }) => Object.keys(all));
  const later = <T>(names: string[]): Record<string, (T | 'later')[]> =>
    Object.fromEntries(names.map((name) => [name, ['later' as const]]));
  return {
    name: scenario.name,
    flow: scenario.flows[0]!,
    zone: 'America/New_York',
    epoch,
    people: { p: profileOf('p', 'opted_in'), q: profileOf('q', 'opted_in'), r: { phones: [], emails: [] } },
    ...(cap === null
      ? {}
      : { frequency_cap: { count: Number(cap[1]), per: { amount: Number(cap[2]), unit: cap[3]! } } }),
    ...(codes === null ? {} : { code_pools: { spring: Number(codes[1]) } }),
    ...(has(scenario, 'Outcomes come later.') ? { outcomes: later<string>(nodes) } : {}),
    ...(has(scenario, 'Calls have begun.') ? { haveBegun: true } : {}),
    ...(has(scenario, 'Answers come later.') ? { answers: later<boolean>([...nodes, 'audience', 'while']) } : {}),
    inputs: [],
    steps: [],
  };
}

/** Steps by cart, in the order in which the carts come first; revocations as `revoke`. */
function told(steps: readonly CaseStep[], requests: readonly SendRequest[]): string {
  const byCart = new Map<string, string[]>();
  for (const { cart = '', what, node, reason } of steps) {
    const words = [what, node, reason === undefined ? undefined : `(${reason})`].filter((word) => word !== undefined);
    byCart.set(cart, [...(byCart.get(cart) ?? []), words.join(' ')]);
  }
  const all = [...byCart].map(([cart, words]) => `${cart}: ${words.join(', ')}`);
  const codes = requests.flatMap(({ message }) =>
    typeof message?.code_index === 'number' ? [`code ${message.code_index}`] : [],
  );
  const revoked = requests.flatMap(({ revoke }) =>
    revoke === null ? [] : [`revoke ${revoke.node} (${revoke.reason})`],
  );
  return [...all, ...codes, ...revoked].join('; ');
}

describe('scenarios.md', () => {
  it('has scenarios', () => expect(scenarios().length).toBeGreaterThan(10));

  it.each(['klock', 'c1 preparing ta 5', 'e1 preparing', 'publish b', 'c1: maybe'])('must not say "%s"', (happens) =>
    expect(() => inputOf(happens, 0, [])).toThrow('what is "'),
  );

  it.each(scenarios().map((one) => [one.name, one] as const))('%s', (_name, scenario) => {
    expect(scenario.rows.length).toBeGreaterThan(1);
    const run = new CaseRun(caseOf(scenario), new PureLog());
    run.prepare();
    const seen = scenario.rows.map(({ minute, happens }) => {
      const { steps, requests } = run.play(inputOf(happens, Number(minute), scenario.flows));
      return { minute, happens, steps: told(steps, requests) };
    });
    expect(seen).toEqual(scenario.rows);
  });
});
