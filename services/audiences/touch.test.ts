import { describe, expect, it } from 'vitest';
import { TOUCH, touchedBy } from '../../lib/audiences/index.ts';
import { erasureOutcome, mergeOutcome, outcome, personOutcome, traitFacts, traitOutcome } from './testing.ts';
import { causeOf, Touched, type Cause } from './touch.ts';

const { asserted, retracted, facts, merged, erased } = TOUCH;

describe('who may have changed by an outcome', () => {
  const event = traitFacts('e', 1);

  it.each([
    ['an assertion', traitOutcome('w', 3, event), [[3, asserted]]],
    ['a retraction', traitOutcome('w', 3, { ...event, retracted_at: 2 }), [[3, retracted]]],
    ['an update', traitOutcome('w', 3, event, { op: 'updated' }), [[3, asserted]]],
    [
      'an event that moved',
      traitOutcome('w', 3, event, { moved_from: 2 }),
      [
        [3, asserted | merged],
        [2, merged],
      ],
    ],
    ['a profile', personOutcome('w', 4), [[4, facts]]],
    [
      'a merge',
      mergeOutcome('w', 2, 1),
      [
        [2, merged],
        [1, merged],
      ],
    ],
    ['an erasure', erasureOutcome('w', 9), [[9, erased]]],
    [
      'an erasure with what belonged to it',
      outcome('w', {
        kind: 'erasure',
        erasure: { person_id: null, former_ids: [4], carts: [{ cart_id: 'c', person_id: 5 }], trait_events: [] },
      }),
      [
        [4, erased],
        [5, erased],
      ],
    ],
    ['a report on links', outcome('w', { kind: 'link_report', link_report: null }), []],
  ])('%s', (_, said, expected) => {
    expect(touchedBy(said)).toEqual(expected);
  });

  it('a cart is a fact of its person', () => {
    const cart = { cart_id: 'c', person_id: 5, moved_from: 4 } as NonNullable<ReturnType<typeof outcome>['cart']>;
    expect(touchedBy(outcome('w', { kind: 'cart', cart }))).toEqual([
      [5, facts | merged],
      [4, merged],
    ]);
  });
});

describe('the cause of a change', () => {
  it.each<[string, boolean, number, boolean, Cause]>([
    ['entered by an event', true, asserted | facts, false, 'event'],
    ['entered by a changed profile', true, facts, false, 'event'],
    ['entered because something was retracted', true, retracted | facts, false, 'retraction'],
    ['entered by what replaced something else', true, retracted | asserted, false, 'event'],
    ['entered by time', true, 0, true, 'time'],
    ['entered by an event at the moment of a boundary', true, asserted, true, 'event'],
    ['entered with a merge', true, merged | asserted, true, 'merge'],
    ['left by an event', false, asserted, false, 'event'],
    ['left because something was retracted', false, retracted | asserted, false, 'retraction'],
    ['left by time', false, 0, true, 'time'],
    ['left at a boundary, whatever else happened', false, asserted | facts, true, 'time'],
    ['left with a merge', false, merged | retracted, true, 'merge'],
    ['left by erasure', false, erased | merged | retracted, true, 'erasure'],
    ['left without facts', false, 0, false, 'time'],
  ])('%s', (_, entered, touch, isDue, cause) => {
    expect(causeOf(entered, touch, isDue)).toBe(cause);
  });
});

it('touches of one person add up, those of workspaces do not', () => {
  const touched = new Touched();
  touched.add('a', 1, asserted);
  touched.add('a', 1, merged);
  touched.add('b', 1, facts);
  expect([...touched.of('a')]).toEqual([[1, asserted | merged]]);
  expect([touched.size, touched.has('b', 1), touched.has('b', 2), touched.has('c', 1)]).toEqual([
    2,
    true,
    false,
    false,
  ]);
});
