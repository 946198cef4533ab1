import { beforeEach, expect, it } from 'vitest';
import { CaseRun, type CaseInput } from './testing/cases.ts';
import { PureLog } from './testing/pure-log.ts';

/** More runs than one step takes wait; of three, messages are out. */

const RUNS = 250;
const OUT = [7, 77, 177];
const FLOW = {
  triggers: [{ trait: 'cart_status_updated' }],
  start: 's',
  nodes: {
    s: { type: 'split', trigger: { trait: 'cart_status_updated', status: ['preparing'] }, then: 'm', else: 'w' },
    m: { type: 'email', subject: 's', html: '{{ unsubscribe_url }}', next: 'w' },
    w: { type: 'wait', for: { amount: 5, unit: 'hours' } },
  },
};

const starts = Array.from({ length: RUNS }, (_, i): CaseInput => {
  const status = OUT.includes(i) ? 'preparing' : 'verification';
  return { at: 0, cart: `c${i}`, person: 'p', assert: [{ id: `e${i}`, trait: 'cart_status_updated', status, t: 0 }] };
});

let log: PureLog;
let run: CaseRun;

beforeEach(() => {
  log = new PureLog();
  const people = { p: { phones: [], emails: [['p@example.com', null]] as [string, null][] } };
  const outcomes = { m: ['later'] };
  const epoch = '2026-03-02T15:00:00Z';
  run = new CaseRun({ name: '', flow: FLOW, zone: 'UTC', epoch, people, outcomes, inputs: [], steps: [] }, log);
  run.prepare();
  for (const input of starts) run.play(input);
});

/** Plays a command. Returns how many messages it revokes, and how many runs it reads. */
function command(input: CaseInput): { revoked: number; reads: number } {
  const get = log.entries.get.bind(log.entries);
  const read = new Set<string>();
  log.entries.get = (key) => {
    if (key.startsWith('r:')) read.add(key);
    return get(key);
  };
  const { requests } = run.play(input);
  log.entries.get = get;
  return { revoked: requests.filter(({ revoke }) => revoke?.reason === 'paused').length, reads: read.size };
}

it('a pause looks only at runs of which messages are out', () => {
  expect(command({ at: 1, pause: 'f' })).toEqual({ revoked: 3, reads: 3 });
});

it('a message that has had its outcome is not looked at', () => {
  run.play({ at: 1, outcome: { cart: 'c77', node: 'm', what: 'sent' } });
  expect(command({ at: 2, pause: 'f' })).toEqual({ revoked: 2, reads: 2 });
});

it('the first pause of a flow from before names were kept looks at all runs, later ones do not', () => {
  for (const key of [...log.entries.keys()]) if (key.startsWith('u:')) log.entries.delete(key);
  const [key, bytes] = [...log.entries].find(([name]) => name.startsWith('w:'))!;
  log.entries.set(key, Buffer.from(bytes.toString('utf8').replace(',"isIndexed":true', ''), 'utf8'));
  run.play({ at: 1, publish: 'f', flow: FLOW });
  expect(command({ at: 1, pause: 'f' })).toEqual({ revoked: 3, reads: RUNS });
  run.play({ at: 2, resume: 'f' });
  expect(command({ at: 3, pause: 'f' })).toEqual({ revoked: 3, reads: 3 });
});
