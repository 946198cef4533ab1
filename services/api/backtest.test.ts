import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import type { Flow } from '../../lib/flows/definition.ts';
import { runBacktest, type BacktestReport } from './backtest.ts';
import type { Database } from './database.ts';

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

/** `[id, cart, person, minutes after T0, status ('' for an abandonment)]` */
type Past = [id: string, cart: string, person: number, minutes: number, status: string];

function databaseOf(events: readonly Past[]): Database {
  const rows = events.map(([id, cart, person, minutes, status]) => {
    const at = T0 + minutes * MINUTE_MS;
    const trait = status === '' ? 'cart_abandoned' : 'cart_status_updated';
    return [
      id,
      trait,
      status,
      at,
      status === '' ? at + 1 : at,
      cart,
      person,
      null,
      null,
      null,
      [],
      null,
      false,
      status === '',
    ];
  });
  const people = (ids: number[]) =>
    ids.map((person_id) => ({
      person_id,
      anonymous: false,
      name: 'Kay',
      time_zone: null,
      phones: [`+1212555${1000 + person_id}`],
      phone_consents: [person_id === 9 ? '' : 'opted_in'],
      emails: [`p${person_id}@example.com`],
      email_consents: [''],
    }));
  const source = { rows: (_: string, { ids }: Record<string, unknown>) => Promise.resolve(people(ids as number[])) };
  async function* batches(): AsyncGenerator<unknown[]> {
    yield* [rows.slice(0, 2), rows.slice(2)].filter((batch) => batch.length > 0);
  }
  return { ...source, for: () => source, stream: () => Promise.resolve(batches()) } as unknown as Database;
}

const play = (events: readonly Past[], flow = ABANDONED, toMinutes = 24 * 60): Promise<BacktestReport> =>
  runBacktest(
    { database: databaseOf(events), clock: systemClock },
    {
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
    },
    new AbortController().signal,
  );

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
});
