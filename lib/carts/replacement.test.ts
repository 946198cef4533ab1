import { describe, expect, it } from 'vitest';
import { ABANDONED } from './decisions.ts';
import { dropReturned, handOver } from './replacement.ts';
import { NEVER } from './summary.ts';
import { abandonmentEvent, changeEvent, type TraitEvent } from './traits.ts';

/** An abandonment of the episode that began at `openedAt`; it counts since `detectedAt`, if that is given. */
function abandoned(at: number, { openedAt = at - 30, detectedAt = NEVER, replaces = NEVER } = {}): TraitEvent {
  const found = abandonmentEvent({
    at,
    source: 'timer',
    openedAt,
    lastActivityAt: openedAt,
    settledAt: at,
    values: [],
  });
  return { ...found, detectedAt, replaces };
}

const counted = (at: number): TraitEvent => abandoned(at, { detectedAt: at + 1 });
const all = (): boolean => true;
const none = (): boolean => false;

/** What each of the waiting ones replaces in the end. */
function after(gone: TraitEvent[], waiting: TraitEvent[], isNew: (trait: TraitEvent) => boolean): number[] {
  handOver(gone, waiting, isNew);
  return waiting.map((trait) => trait.replaces);
}

describe('the place of an abandonment that is gone', () => {
  it('goes to a new one', () => {
    expect(after([counted(30)], [abandoned(50)], all)).toEqual([30]);
  });

  it('is nobody’s when it never counted, and took nobody’s', () => {
    expect(after([abandoned(30)], [abandoned(50)], all)).toEqual([NEVER]);
  });

  it('is handed on when it was one that it was to take itself', () => {
    expect(after([abandoned(40, { replaces: 30 })], [abandoned(60)], all)).toEqual([30]);
  });

  it('does not go to one that is at the place that is named', () => {
    expect(after([abandoned(40, { replaces: 30 })], [abandoned(30)], all)).toEqual([NEVER]);
  });

  it.each<[string, number[], number[]]>([
    ['nearest, later', [40, 100], [30, NEVER]],
    ['nearest, whatever their order', [100, 40], [NEVER, 30]],
    ['nearest, earlier', [25, 100], [30, NEVER]],
    ['nearest, earlier, last', [100, 25], [NEVER, 30]],
    ['first, of two that are level', [20, 40], [30, NEVER]],
  ])('goes to the %s', (_which, places, wanted) => {
    const waiting = places.map((at) => abandoned(at));
    expect(after([counted(30)], waiting, all)).toEqual(wanted);
  });

  it.each<[string, number[], number]>([
    ['the nearest of those that are gone', [10, 28], 28],
    ['the nearest, whatever their order', [28, 10], 28],
    ['the first of two that are level', [20, 40], 20],
    ['the nearest, later', [5, 33], 33],
  ])('one takes %s', (_which, places, wanted) => {
    expect(after(places.map(counted), [abandoned(30)], all)).toEqual([wanted]);
  });

  it('one that is not new takes it if its episode has swallowed it', () => {
    const waiting = (): TraitEvent[] => [abandoned(60, { openedAt: 20 })];
    expect(after([counted(19)], waiting(), none)).toEqual([NEVER]);
    expect(after([counted(20)], waiting(), none)).toEqual([20]);
    expect(after([counted(40)], waiting(), none)).toEqual([40]);
    expect(after([abandoned(60, { replaces: 30 })], waiting(), none)).toEqual([30]);
    expect(after([abandoned(61, { replaces: 30 })], waiting(), none)).toEqual([NEVER]);
  });

  it('a place that one was to take already stays its own', () => {
    expect(after([counted(30)], [abandoned(60, { openedAt: 0, replaces: 10 })], none)).toEqual([10]);
    expect(after([counted(30), counted(35)], [abandoned(60, { openedAt: 0, replaces: 10 })], none)).toEqual([10]);
  });
});

describe('what is back', () => {
  const change = (at: number): TraitEvent =>
    changeEvent({ status: 3, at, previous: -1, reentered: false, anomaly: null }, [], at);

  it.each<[string, TraitEvent[], number]>([
    ['is not replaced', [abandoned(50)], NEVER],
    ['is not replaced, wherever it stands', [abandoned(40), abandoned(50), abandoned(60)], NEVER],
    ['is another abandonment', [abandoned(51), abandoned(49)], 50],
    ['is a change at the same time', [change(50)], 50],
  ])('%s', (_what, others, wanted) => {
    const waiting = abandoned(90, { replaces: 50 });
    dropReturned([waiting], [...others, waiting]);
    expect(waiting.replaces).toBe(wanted);
  });

  it('counts for every one that waits, and leaves those that replace nothing', () => {
    const waiting = [abandoned(70), abandoned(80, { replaces: 50 }), abandoned(90, { replaces: 40 })];
    dropReturned(waiting, [abandoned(50), ...waiting]);
    expect(waiting.map((trait) => trait.replaces)).toEqual([NEVER, NEVER, 40]);
    expect(waiting.every((trait) => trait.status === ABANDONED)).toBe(true);
  });
});
