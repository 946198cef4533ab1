import { describe, expect, it } from 'vitest';
import { ParkedRuns, shorterFlow, WAITING_FLOW } from './testing/parked-runs.ts';

/** More runs than one step takes. JT_PARKED=100000 for the full size. */
const RUNS = Number(process.env['JT_PARKED'] ?? 350);

const newParked = (): ParkedRuns => new ParkedRuns({ runs: RUNS, startMs: Date.parse('2026-03-02T15:00:00Z') });

describe(`${RUNS} parked runs`, () => {
  it('that are due at once wake in order, in bounded steps, and each sends once', () => {
    const parked = newParked();
    parked.append(parked.minute(60), {});
    expect(parked.count('woken')).toBe(0);
    parked.largest = 0;
    parked.append(parked.minute(60) + 1, {});
    expect(parked.count('woken')).toBe(RUNS);
    expect(parked.order('requested')).toEqual(parked.order('started').toSorted());
    expect(parked.largest).toBeLessThan(2_000);
    parked.sendAll(parked.minute(61));
    expect([parked.count('sent'), parked.count('completed'), parked.runs]).toEqual([RUNS, RUNS, 0]);
    const steps = new Set(parked.events.map(({ input_offset, ordinal }) => `${input_offset}:${ordinal}`));
    expect(steps.size).toBe(parked.events.length);
  });

  it('are paused and resumed: what became due proceeds in order, messages that were out are requested again', () => {
    const parked = newParked();
    parked.append(parked.minute(60) + 1, {});
    const out = parked.requests.length;
    expect(out).toBe(RUNS);
    parked.command(parked.minute(62), 'pause');
    expect(parked.requests.filter(({ revoke }) => revoke?.reason === 'paused').length).toBe(RUNS);
    parked.replyAll(parked.minute(62));
    parked.command(parked.minute(63), 'resume');
    expect(parked.requests.filter(({ message }) => message !== null).length).toBe(RUNS);
    parked.sendAll(parked.minute(64));
    expect([parked.count('sent'), parked.count('completed'), parked.runs]).toEqual([RUNS, RUNS, 0]);
  });

  it('are archived: all end', () => {
    const parked = newParked();
    parked.command(parked.minute(5), 'archive');
    expect([parked.count('exited', 'archived'), parked.runs]).toEqual([RUNS, 0]);
    parked.append(parked.minute(61), {});
    expect(parked.count('woken')).toBe(0);
  });

  it('stay on their version, or move to a shorter wait that is over, and no node sends twice', () => {
    const parked = newParked();
    parked.publish(parked.minute(6), { ...WAITING_FLOW, name: 'Another name' });
    expect(parked.count('moved')).toBe(0);
    parked.largest = 0;
    parked.publish(parked.minute(7), shorterFlow('n'), 'move');
    expect([parked.count('moved'), parked.count('woken'), parked.count('requested')]).toEqual([RUNS, RUNS, RUNS]);
    expect(parked.largest).toBeLessThan(2_000);
    parked.sendAll(parked.minute(8));
    parked.publish(parked.minute(9), shorterFlow('m'), 'move');
    parked.sendAll(parked.minute(10));
    parked.sendAll(parked.minute(11));
    const sent = parked.events.filter(({ what }) => what === 'sent').map(({ run_id, node }) => `${run_id} ${node}`);
    expect([sent.length, new Set(sent).size]).toEqual([2 * RUNS, 2 * RUNS]);
    expect([parked.count('started'), parked.count('completed'), parked.runs]).toEqual([RUNS, RUNS, 0]);
  });
});
