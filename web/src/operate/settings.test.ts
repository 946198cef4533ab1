import { describe, expect, it } from 'vitest';
import {
  changesOf,
  draftOf,
  ID_PATTERN,
  idFrom,
  patchOf,
  problemOf,
  SETTINGS,
  settingsOf,
  type Settings,
} from './settings.ts';

const SAVED: Settings = {
  name: 'Pacific Leaf',
  time_zone: 'America/Los_Angeles',
  abandonment_window_minutes: 30,
  grace_seconds: 60,
  retry_horizon_minutes: 15,
  default_country: 'US',
  retention_days: null,
};
const draft = (change: Partial<ReturnType<typeof draftOf>>) => ({ ...draftOf(SAVED), ...change });
const settingOf = (key: string) => SETTINGS.find((setting) => setting.key === key)!;

describe('the settings of a workspace', () => {
  it('are all in the form, each with what it does and when a change takes effect', () => {
    expect(SETTINGS.map(({ key }) => key).sort()).toEqual(Object.keys(SAVED).sort());
    for (const { key, does, effect } of SETTINGS) expect(`${does} ${effect}`, key).toMatch(/\.$/);
  });

  it('are unchanged by what does not change the value', () => {
    expect(changesOf(SAVED, draftOf(SAVED))).toEqual([]);
    expect(changesOf(SAVED, draft({ name: ' Pacific Leaf ', grace_seconds: '060' }))).toEqual([]);
  });

  it('are compared as a person reads them, and sent as the API takes them', () => {
    const changed = draft({
      name: 'Leaf',
      abandonment_window_minutes: '1440',
      grace_seconds: '1',
      retention_days: '365',
    });
    const changes = changesOf(SAVED, changed);
    expect(changes.map(({ setting, from, to }) => `${setting.label}: ${from} → ${to}`)).toEqual([
      'Name: Pacific Leaf → Leaf',
      'Abandonment window: 30 minutes → 1,440 minutes',
      'Grace: 60 seconds → 1 second',
      'Retention: forever → 365 days',
    ]);
    expect(patchOf(changes, changed)).toEqual({
      name: 'Leaf',
      abandonment_window_minutes: 1_440,
      grace_seconds: 1,
      retention_days: 365,
    });
    expect(settingsOf(changed)).toEqual({ ...SAVED, ...patchOf(changes, changed) });
  });

  it('become forever again when the number is removed', () => {
    const changes = changesOf({ ...SAVED, retention_days: 90 }, draft({ retention_days: ' ' }));
    expect(changes.map(({ from, to }) => [from, to])).toEqual([['90 days', 'forever']]);
    expect(patchOf(changes, draft({ retention_days: ' ' }))).toEqual({ retention_days: null });
  });

  it.each([
    ['abandonment_window_minutes', '30', null],
    ['abandonment_window_minutes', '43200', null],
    ['abandonment_window_minutes', '0', 'A whole number from 1 to 43,200.'],
    ['abandonment_window_minutes', '43201', 'A whole number from 1 to 43,200.'],
    ['grace_seconds', '1.5', 'A whole number from 0 to 3,600.'],
    ['grace_seconds', '', 'Grace is required.'],
    ['retention_days', '', null],
    ['name', '  ', 'Name is required.'],
    ['name', 'x'.repeat(201), 'At most 200 characters.'],
    ['default_country', 'CA', null],
  ])('%s %j is valid or not', (key, text, problem) => {
    expect(problemOf(settingOf(key), text)).toBe(problem);
  });
});

describe('the id of a workspace', () => {
  it('is made from its name', () => {
    for (const [name, id] of [
      ['Pacific Leaf!', 'pacific-leaf'],
      ['  Café 24/7 ', 'cafe-24-7'],
      ['大麻', ''],
      [`${'a'.repeat(62)} b`, 'a'.repeat(62)],
    ] as const) {
      expect(idFrom(name)).toBe(id);
      if (id !== '') expect(id).toMatch(ID_PATTERN);
    }
  });
});
