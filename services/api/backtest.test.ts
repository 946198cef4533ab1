import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import type { Flow } from '../../lib/flows/definition.ts';
import { bundleWorker } from '../../lib/rendering/testing.ts';
import { UnknownZoneError } from '../../lib/time/index.ts';
import type { FlowProfile } from '../../schemas/types.ts';
import { BacktestThreads, startBacktestThread, type BacktestThread } from './backtest-threads.ts';
import { runBacktest, type BacktestReport, type BacktestRequest } from './backtest.ts';
import { ClientGoneError, type Rows, type Texts } from './database.ts';
import { databaseOf, type PastRow } from './testing/past.ts';

const T0 = Date.UTC(2026, 2, 2, 15);
const MINUTE_MS = 60_000;
const ABANDONED: Flow = {
  name: 'Recovery',
  triggers: [{ trait: 'cart_abandoned', time: { operator: 'in_last', amount: 30, unit: 'minutes' } }],
  start: 'remind',
  nodes: {
    remind: { type: 'sms', text: 'x', next: 'pause' },
    pause: { type: 'wait', for: { amount: 4, unit: 'hours' }, next: 'offer' },
    offer: { type: 'email', subject: 'x', html: 'x', next: null },
  },
};

const ORDER = { trait: 'cart_status_updated' } as const;

/** `[id, cart, person, minutes after T0, status ('' for an abandonment)]` */
type Past = [id: string, cart: string, person: number, minutes: number, status: string];

const rowOf = ([event_id, cart_id, person_id, minutes, status]: Past): PastRow => ({
  ...{
    event_id,
    cart_id,
    person_id,
    status,
    occurred_at: T0 + minutes * MINUTE_MS,
    last_activity_at: null,
    version: 1,
  },
  ...{ trait: status === '' ? 'cart_abandoned' : 'cart_status_updated', isTimer: status === '', isRetracted: false },
  ...{ store_id: null, mode: null, amount: null, products: [], anomaly: null, reentered: false },
});

function profileOf(person_id: number): FlowProfile {
  const phones = [{ value: `+1212555${1000 + person_id}`, consent: person_id === 9 ? null : ('opted_in' as const) }];
  const emails = [{ value: `p${person_id}@example.com`, consent: null }];
  return { person_id, anonymous: false, name: 'Kay', time_zone: null, phones, emails };
}

const pastOf = (events: readonly Past[]) => ({
  rows: events.map(rowOf),
  aliases: new Map<number, number>(),
  profiles: new Map(events.map(([, , person]) => [person, profileOf(person)])),
});

const requestOf = (flow: Flow, toMinutes = 24 * 60): BacktestRequest => ({
  workspace: 'acme',
  settings: {
    name: 'Acme',
    time_zone: 'America/New_York',
    frequency_cap: null,
    quiet_hours: { from: '08:00', to: '21:00', channels: ['sms'] },
  },
  flowId: 'backtest',
  version: 1,
  flow,
  fromMs: T0,
  toMs: T0 + toMinutes * MINUTE_MS,
  horizonMs: 90 * 86_400_000,
  windowMs: 30 * MINUTE_MS,
});

let workerUrl: URL;
beforeAll(async () => {
  workerUrl = await bundleWorker('services/api/backtest-worker.ts');
});

/** Threads that were started, and how many of them have ended. */
const seen = { started: 0, ended: 0 };
afterEach(() => {
  expect(seen.ended, 'threads have ended').toBe(seen.started);
});

function start(): BacktestThread {
  const thread = startBacktestThread(workerUrl);
  seen.started += 1;
  thread.on('exit', () => void (seen.ended += 1));
  return thread;
}

const threadsOf = (threadsMax = 2): BacktestThreads => new BacktestThreads({ clock: systemClock, start, threadsMax });
const depsOf = (events: readonly Past[], asked?: (query: string) => void) => ({
  database: databaseOf(pastOf(events), asked),
  threads: threadsOf(),
});

const play = (
  events: readonly Past[],
  flow = ABANDONED,
  toMinutes = 24 * 60,
  asked?: (query: string) => void,
): Promise<BacktestReport> =>
  runBacktest(depsOf(events, asked), requestOf(flow, toMinutes), new AbortController().signal);

describe('a back-test', () => {
  it('starts runs, sends at once and follows the timers', async () => {
    const report = await play([['a', 'c1', 1, 30, '']]);
    expect(report).toMatchObject({
      entered: 1,
      live: 0,
      completed: 1,
      nodes: { remind: { reached: 1, sent: 1 }, pause: { reached: 1 }, offer: { sent: 1 } },
      by_day: [{ day: '2026-03-02', entered: 1, sent: 2 }],
      not_played: ['activity'],
    });
    const at = (ms: number): string => new Date(T0 + 30 * MINUTE_MS + ms).toISOString();
    const woken = 4 * 60 * MINUTE_MS + 2;
    expect(report.runs).toMatchObject([
      { person_id: '1', cart_id: 'c1', event_id: 'a', state: 'completed', started_at: at(1), ended_at: at(woken) },
    ]);
    expect(report.runs[0]?.steps.map(({ what, node }) => `${what} ${node ?? ''}`.trim())).toEqual([
      'started',
      'reached remind',
      'requested remind',
      'sent remind',
      'reached pause',
      'woken pause',
      'reached offer',
      'requested offer',
      'sent offer',
      'completed',
    ]);
  });

  it('ends runs by later events, and refuses those who had bought; earlier events start nothing', async () => {
    const report = await play([
      ['z', 'c0', 3, -60, ''],
      ['y', 'c9', 2, -30, 'verification'],
      ['a', 'c1', 1, 30, ''],
      ['b', 'c1', 1, 60, 'verification'],
    ]);
    expect(report).toMatchObject({ entered: 1, refused: {}, exited: { checkout: 1 }, nodes: { offer: { sent: 0 } } });
    const bought = await play([
      ['y', 'c9', 2, 31, 'verification'],
      ['a', 'c1', 2, 60, ''],
      ['b', 'c2', 2, 62, ''],
    ]);
    expect(bought).toMatchObject({ entered: 1, refused: { bought: 1 } });
  });

  it('counts a goal that is reached after the end of a run, which stays ended', async () => {
    const report = await play(
      [
        ['a', 'c1', 1, 30, ''],
        ['b', 'c2', 1, 10 * 60, 'verification'],
      ],
      { ...ABANDONED, goal: { checkout: 'person' } },
    );
    expect(report).toMatchObject({ entered: 1, live: 0, completed: 1, nodes: { offer: { waiting: 0 } } });
    expect(report.runs[0]?.steps.at(-1)).toMatchObject({ what: 'goal', node: 'offer' });
  });

  it('leaves a run that reaches its goal at the node where it waits', async () => {
    const report = await play(
      [
        ['a', 'c1', 1, 30, ''],
        ['b', 'c2', 1, 60, 'verification'],
      ],
      { ...ABANDONED, exit_on: [], goal: { checkout: 'person' } },
      120,
    );
    expect(report).toMatchObject({ live: 1, nodes: { remind: { waiting: 0 }, pause: { waiting: 1 } } });
    expect(report.runs[0]?.steps.at(-1)).toMatchObject({ what: 'goal', node: 'remind' });
  });

  it('leaves runs live at the end, holds messages in quiet hours, and skips without consent', async () => {
    const report = await play([['a', 'c1', 1, 30, '']], ABANDONED, 60);
    expect(report).toMatchObject({ live: 1, completed: 0, nodes: { pause: { waiting: 1 } } });
    expect(report.runs).toMatchObject([{ state: 'live', ended_at: null }]);
    // 23:00 in New York.
    const night = await play([['a', 'c1', 1, 13 * 60, '']], ABANDONED, 20 * 60);
    expect(night).toMatchObject({ entered: 1, live: 1, nodes: { remind: { reached: 1, sent: 0, waiting: 1 } } });
    expect((await play([['a', 'c1', 9, 30, '']])).nodes['remind']).toMatchObject({
      sent: 0,
      skipped: { no_consent: 1 },
    });
  });

  it('reads products only for conditions on them', async () => {
    const asked: string[] = [];
    const read = async (flow: Flow): Promise<boolean> => {
      asked.length = 0;
      await play([['a', 'c1', 1, 30, '']], flow, 60, (query) => void asked.push(query));
      return asked.some((query) => query.includes('groupArray(') && query.includes('products,'));
    };
    expect(await read(ABANDONED)).toBe(false);
    expect(await read({ ...ABANDONED, exit_on: [{ event: { ...ORDER, product_id: ['1'] }, of: 'cart' }] })).toBe(true);
    const nodes: Flow['nodes'] = {
      ...ABANDONED.nodes,
      pick: { type: 'split', trigger: { trait: 'cart_abandoned', product_id: ['1'] }, then: 'remind' },
    };
    expect(await read({ ...ABANDONED, start: 'pick', nodes })).toBe(true);
  });

  it('shows the first hundred runs in the order of their starts, whoever is read first', async () => {
    const events = Array.from({ length: 150 }, (_, i): Past => [
      String(1_000 + ((i * 7) % 150)),
      `c${i}`,
      150 - i,
      30 + Math.floor(i / 3),
      '',
    ]);
    const request = { ...requestOf(ABANDONED), groupPeople: 20 };
    const { entered, runs } = await runBacktest(depsOf(events), request, new AbortController().signal);
    const first = [...events].sort((a, b) => a[3] - b[3] || (a[0] < b[0] ? -1 : 1)).slice(0, 100);
    expect(entered).toBe(150);
    expect(runs.map(({ event_id }) => event_id)).toEqual(first.map(([id]) => id));
    for (const { steps } of runs) expect(steps).toHaveLength(10);
  });

  it('asks no database for a flow whose triggers all look ahead', async () => {
    const triggers: Flow['triggers'] = [{ ...ORDER, time: { operator: 'in_next', amount: 1, unit: 'hours' } }];
    const report = await play(
      [['a', 'c1', 1, 30, 'preparing']],
      { ...ABANDONED, triggers, exit_on: [] },
      60,
      (query) => {
        throw new Error(query);
      },
    );
    expect(report).toMatchObject({ entered: 0, not_played: ['in_next'] });
  });
});

describe('the threads of a back-test', () => {
  /** Each person abandons a cart and buys it, then abandons others. */
  const many = Array.from({ length: 600 }, (_, i): Past => {
    const isBought = i % 5 === 1;
    return [`e${i}`, `c${isBought ? i - 1 : i}`, 1 + Math.floor(i / 5), 30 + 7 * i, isBought ? 'verification' : ''];
  });

  it('report the same, however many play', async () => {
    const request = { ...requestOf(ABANDONED, 6_000), groupPeople: 8 };
    const reports: string[] = [];
    for (const threadsMax of [1, 2, 3]) {
      const before = seen.started;
      const deps = { database: databaseOf(pastOf(many)), threads: threadsOf(threadsMax) };
      reports.push(JSON.stringify(await runBacktest(deps, request, new AbortController().signal)));
      expect(seen.started - before).toBe(threadsMax);
    }
    const { entered, refused, exited, runs } = JSON.parse(reports[0]!) as BacktestReport;
    expect(entered).toBeGreaterThan(100);
    expect([Object.keys(refused).length, Object.keys(exited).length, runs.length]).toEqual([1, 1, 100]);
    expect(reports.slice(1)).toEqual([reports[0], reports[0]]);
  });

  it('are no more than there are groups', async () => {
    const before = seen.started;
    await play(many);
    expect(seen.started - before).toBe(1);
  });

  it('end when the service stops', async () => {
    const threads = threadsOf();
    const database = databaseOf(pastOf(many), (query) => {
      if (query.includes('groupArray(')) void threads.close();
    });
    const request = { ...requestOf(ABANDONED), groupPeople: 1 };
    await expect(runBacktest({ database, threads }, request, new AbortController().signal)).rejects.toThrow(
      'a thread of a back-test ended',
    );
  });

  it('are those of one back-test of a workspace at once', async () => {
    const threads = threadsOf(1);
    const [request, { signal }] = [requestOf(ABANDONED), new AbortController()];
    let most = 0;
    const database = databaseOf(pastOf(many), () => void (most = Math.max(most, seen.started - seen.ended)));
    const backtest = (workspace: string) => runBacktest({ database, threads }, { ...request, workspace }, signal);
    await Promise.all(['acme', 'acme', 'acme'].map(backtest));
    expect(most).toBe(1);
    await Promise.all(['acme', 'other', 'third'].map(backtest));
    expect(most).toBe(2);
  });
});

describe('a back-test that cannot go on', () => {
  const many = Array.from({ length: 600 }, (_, i): Past => [`e${i}`, `c${i}`, 1 + (i % 2), 30 + i, '']);
  /** Much to play for each of eight people. */
  const endless = Array.from({ length: 16_000 }, (_, i): Past => [`e${i}`, `c${i}`, 1 + (i % 8), 30 + i, '']);

  it('stops its threads within a group of people when its client has gone', async () => {
    const client = new AbortController();
    let groups = 0;
    const deps = depsOf(endless, (query) => {
      if (query.includes('groupArray(')) groups += 1;
      if (groups === 2) setImmediate(() => client.abort());
    });
    const request = { ...requestOf(ABANDONED, 1_000_000), groupPeople: 1 };
    await expect(runBacktest(deps, request, client.signal)).rejects.toThrow(ClientGoneError);
    expect(groups).toBeLessThan(8);
  });

  it('leaves the queue when its client has gone', async () => {
    const client = new AbortController();
    const deps = depsOf(many);
    const request = requestOf(ABANDONED);
    const first = runBacktest(deps, request, new AbortController().signal);
    const second = runBacktest(deps, request, client.signal);
    client.abort();
    await expect(second).rejects.toThrow(ClientGoneError);
    await first;
  });

  it('rejects with what a thread rejects with', async () => {
    const request = requestOf(ABANDONED);
    const database = databaseOf(pastOf(many));
    const broken: Rows & Texts = { ...database.for(new AbortController().signal), text: () => Promise.resolve('{') };
    const deps = { database: { for: () => broken }, threads: threadsOf() };
    await expect(runBacktest(deps, request, new AbortController().signal)).rejects.toThrow(/JSON/);
  });

  it('reports the unknown zone of a workspace', async () => {
    const of = requestOf(ABANDONED);
    const request = { ...of, settings: { ...of.settings, time_zone: 'PST' } };
    const played = runBacktest(depsOf([['a', 'c1', 1, 30, '']]), request, new AbortController().signal);
    await expect(played).rejects.toThrow(UnknownZoneError);
  });

  it('rejects with what a later read rejects with', async () => {
    const rows = databaseOf(pastOf(many)).for(new AbortController().signal);
    let reads = 0;
    const breaking: Rows & Texts = {
      ...rows,
      text(query, params) {
        if (query.includes('groupArray(') && ++reads === 2) return Promise.reject(new Error('broken off'));
        return rows.text(query, params);
      },
    };
    const request = { ...requestOf(ABANDONED), groupPeople: 1 };
    const deps = { database: { for: () => breaking }, threads: threadsOf() };
    await expect(runBacktest(deps, request, new AbortController().signal)).rejects.toThrow('broken off');
  });
});
