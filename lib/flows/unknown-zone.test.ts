import { describe, expect, it } from 'vitest';
import { CaseRun, type CaseInput, type FlowCase } from './testing/cases.ts';
import { PureLog } from './testing/pure-log.ts';

/** Zones that were stored before they were checked as they are now, and that Temporal does not take. */

const DAY = 1_440;
const TRIGGERS = [{ trait: 'cart_status_updated', status: ['preparing'] }];
const EMAIL = { type: 'email', subject: 's', html: '{{ unsubscribe_url }}' };
const SMS = { type: 'sms', text: 'x' };
const PERSON: FlowCase['people'][string] = {
  phones: [['+12125550101', 'opted_in']],
  emails: [['p@example.com', null]],
};

const preparing = (at: number, cart = 'c'): CaseInput => ({
  at,
  cart,
  person: 'p',
  assert: [{ id: `${cart} ${at}`, trait: 'cart_status_updated', status: 'preparing', t: at }],
});

interface Told {
  flow: object;
  inputs: CaseInput[];
  zone?: string;
  more?: Partial<FlowCase>;
}

/** Minute 0 is 12:00 UTC, 07:00 in New York. */
function told({ flow, inputs, zone = 'PST', more = {} }: Told): string[] {
  const run = new CaseRun(
    { name: '', flow, zone, epoch: '2026-03-02T12:00:00Z', people: { p: PERSON }, inputs, steps: [], ...more },
    new PureLog(),
  );
  return run.run().map(({ at, what, reason }) => `${at} ${what}${reason === undefined ? '' : ` ${reason}`}`);
}

describe('a workspace with an unknown zone', () => {
  it.each([
    ['a wait in days', { type: 'wait', for: { amount: 2, unit: 'days' } }, 2 * DAY],
    ['a wait in weeks', { type: 'wait', for: { amount: 1, unit: 'weeks' } }, 7 * DAY],
    ['a wait in months', { type: 'wait', for: { amount: 1, unit: 'months' } }, 31 * DAY],
    ['a local time of the workspace', { type: 'wait', until: { time: '09:00', zone: 'workspace' } }, 21 * 60],
    ['a local time of a person without a zone', { type: 'wait', until: { time: '13:00', zone: 'person' } }, 60],
  ])('has the days of UTC: %s', (_name, wait, minutes) => {
    const flow = { triggers: TRIGGERS, start: 'w', nodes: { w: { ...wait, next: null } } };
    const steps = told({ flow, inputs: [preparing(0), { at: minutes, tick: true }, { at: minutes + 1, tick: true }] });
    expect(steps).toEqual(['0 started', '0 reached', `${minutes + 1} woken`, `${minutes + 1} completed`]);
  });

  it('has them in a time-out too, and when a run is moved to another one', () => {
    const flowOf = (amount: number): object => ({
      triggers: TRIGGERS,
      start: 'w',
      nodes: { w: { type: 'wait_for', checkout: 'cart', timeout: { amount, unit: 'days' }, next: null } },
    });
    const move: CaseInput = { at: 1, publish: 'f', flow: flowOf(1), runs: 'move' };
    const steps = told({ flow: flowOf(3), inputs: [preparing(0), move, { at: DAY + 1, tick: true }] });
    expect(steps).toEqual(['0 started', '0 reached', '1 moved', `${DAY + 1} woken`, `${DAY + 1} completed`]);
  });

  it('has them in the conditions of a trigger', () => {
    const trigger = { ...TRIGGERS[0], time: { operator: 'on', date: '2026-03-02' } };
    const flow = { triggers: [trigger], start: 'e', nodes: { e: { type: 'exit' } }, max_age_minutes: 10 * DAY };
    expect(told({ flow, inputs: [preparing(0), preparing(12 * 60, 'd')] })).toEqual([
      '0 started',
      '0 reached',
      '0 completed',
    ]);
  });

  it('has them in a cooldown, a cap and a goal', () => {
    const flow = {
      triggers: TRIGGERS,
      reentry: { rule: 'always', per: 'person', cooldown: { amount: 1, unit: 'days' } },
      goal: { checkout: 'person', within: { amount: 2, unit: 'days' } },
      start: 'm',
      nodes: { m: EMAIL },
    };
    const more = { frequency_cap: { count: 1, per: { amount: 2, unit: 'days' } } };
    const inputs = [preparing(0), preparing(10, 'd'), preparing(DAY + 1, 'e')];
    expect(told({ flow, inputs, more })).toEqual([
      '0 started',
      '0 reached',
      '0 requested',
      '0 sent',
      '0 completed',
      '10 goal',
      '10 refused cooldown',
      `${DAY + 1} goal`,
      `${DAY + 1} started`,
      `${DAY + 1} reached`,
      `${DAY + 1} skipped capped`,
      `${DAY + 1} completed`,
    ]);
  });

  it('asks about days of UTC', () => {
    const flow = { triggers: TRIGGERS, audience: { everyone: true }, start: 'e', nodes: { e: { type: 'exit' } } };
    const inputs = [preparing(0)];
    const run = new CaseRun(
      { name: '', flow, zone: 'PST', epoch: '2026-03-02T12:00:00Z', people: { p: PERSON }, inputs, steps: [] },
      new PureLog(),
    );
    run.run();
    expect(run.requests.map(({ question }) => question?.time_zone)).toEqual(['UTC']);
  });

  const sms = { triggers: TRIGGERS, start: 'm', nodes: { m: SMS } };

  it('never has an allowed hour for marketing SMS, for nobody knows which it is', () => {
    for (let hour = 0; hour < 24; hour++)
      expect(told({ flow: sms, inputs: [preparing(hour * 60)] })).toContain(`${hour * 60} skipped quiet_hours`);
  });

  it('asks only the zone of a person who has one', () => {
    const people = { p: { ...PERSON, time_zone: 'America/New_York' } };
    expect(told({ flow: sms, inputs: [preparing(180)], more: { people } })).toContain('180 requested');
  });
});

describe('a person with an unknown zone, in a workspace with a known one', () => {
  const people = { p: { ...PERSON, time_zone: 'PST' } };
  const zone = 'America/New_York';

  it('has none: a local time is that of the workspace', () => {
    const wait = { type: 'wait', until: { time: '09:00', zone: 'person' } };
    const flow = { triggers: TRIGGERS, start: 'w', nodes: { w: wait } };
    const steps = told({ flow, inputs: [preparing(0), { at: 121, tick: true }], zone, more: { people } });
    expect(steps).toContain('121 woken');
  });

  it('has none: quiet hours are those of the workspace and of the area code', () => {
    const flow = { triggers: TRIGGERS, start: 'm', nodes: { m: SMS } };
    const inputs = [preparing(0), { at: 61, tick: true as const }];
    const steps = told({ flow, inputs, zone, more: { people } });
    expect(steps).toEqual(expect.arrayContaining(['0 held', '61 woken', '61 requested', '61 sent']));
  });
});
