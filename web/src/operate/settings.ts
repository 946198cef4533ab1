/** The settings of a workspace: what each does, when a change takes effect, and what is valid (services/api checks again). */
import type { Workspace } from '../data/api.ts';

/** The settings that can be changed; the id is fixed. */
export type Settings = Pick<
  Workspace,
  | 'name'
  | 'time_zone'
  | 'abandonment_window_minutes'
  | 'grace_seconds'
  | 'retry_horizon_minutes'
  | 'default_country'
  | 'retention_days'
>;

export type SettingKey = keyof Settings;
export type SettingGroup = 'The workspace' | 'Abandoned carts' | 'Reading what arrives' | 'Storage';

export interface SettingWords {
  key: SettingKey;
  group: SettingGroup;
  label: string;
  /** What it does. */
  does: string;
  /** When a change takes effect, and on what. */
  effect: string;
}

export interface NumberSetting extends SettingWords {
  kind: 'number';
  unit: 'minutes' | 'seconds' | 'days';
  min: number;
  max: number;
}

export type Setting = NumberSetting | (SettingWords & { kind: 'text' | 'zone' | 'country' });

const LATER_EVENTS = 'A change applies to events that arrive afterwards: each event keeps the value of its receipt.';

export const SETTINGS: readonly Setting[] = [
  {
    ...{ key: 'name', group: 'The workspace', kind: 'text', label: 'Name' },
    does: 'What this console and reports call the workspace. Its id never changes.',
    effect: 'A change applies at once.',
  },
  {
    ...{ key: 'time_zone', group: 'The workspace', kind: 'zone', label: 'Time zone' },
    does: 'Decides when a day begins in conditions such as “on 17 March”, and the zone of every time on these pages.',
    effect: 'A change applies to every question from then on, also about the past. Live audiences are evaluated again.',
  },
  {
    ...{ key: 'abandonment_window_minutes', group: 'Abandoned carts', kind: 'number', label: 'Abandonment window' },
    ...{ unit: 'minutes', min: 1, max: 43_200 },
    does: 'A cart without checkout is abandoned when nothing has happened to it for this long.',
    effect: LATER_EVENTS,
  },
  {
    ...{ key: 'grace_seconds', group: 'Abandoned carts', kind: 'number', label: 'Grace' },
    ...{ unit: 'seconds', min: 0, max: 3_600 },
    does: 'How long to wait for late events before an abandonment is concluded. Shorter is sooner; longer avoids abandonments that a late event retracts.',
    effect: LATER_EVENTS,
  },
  {
    ...{ key: 'retry_horizon_minutes', group: 'Reading what arrives', kind: 'number', label: 'Retry horizon' },
    ...{ unit: 'minutes', min: 0, max: 43_200 },
    does: 'An equal webhook that arrives within this time is a repeat and counts once.',
    effect: LATER_EVENTS,
  },
  {
    ...{ key: 'default_country', group: 'Reading what arrives', kind: 'country', label: 'Country of phone numbers' },
    does: 'The country of phone numbers that are written without a country code.',
    effect: 'A change applies to events that arrive afterwards. Numbers that were read already stay as they are.',
  },
  {
    ...{ key: 'retention_days', group: 'Storage', kind: 'number', label: 'Retention' },
    ...{ unit: 'days', min: 1, max: 36_500 },
    does: 'How long rows are to be kept. Empty means forever.',
    effect: 'The value is stored, but rows are not deleted yet.',
  },
];

/** What the form holds: the text of each field. */
export type Draft = Record<SettingKey, string>;

export const DEFAULTS: Omit<Draft, 'name' | 'time_zone'> = {
  abandonment_window_minutes: '30',
  grace_seconds: '60',
  retry_horizon_minutes: '15',
  default_country: 'US',
  retention_days: '',
};

const textOf = (value: string | number | null): string => (value === null ? '' : String(value));

export const draftOf = (settings: Settings): Draft =>
  Object.fromEntries(SETTINGS.map(({ key }) => [key, textOf(settings[key])])) as Draft;

/** Why the text of a field is not valid; null if it is. */
export function problemOf(setting: Setting, text: string): string | null {
  const value = text.trim();
  if (setting.kind !== 'number') {
    if (value === '') return `${setting.label} is required.`;
    return setting.key === 'name' && value.length > 200 ? 'At most 200 characters.' : null;
  }
  if (value === '') return setting.key === 'retention_days' ? null : `${setting.label} is required.`;
  const amount = /^\d+$/.test(value) ? Number(value) : NaN;
  return amount >= setting.min && amount <= setting.max
    ? null
    : `A whole number from ${words(setting.min)} to ${words(setting.max)}.`;
}

const words = (value: number): string => value.toLocaleString('en-US');

export interface Change {
  setting: Setting;
  from: string;
  to: string;
}

/** What the draft changes, in the order of the form. Spaces around a value do not count. */
export function changesOf(settings: Settings, draft: Draft): Change[] {
  const before = draftOf(settings);
  return SETTINGS.filter(({ key }) => valueOf(key, draft[key]) !== valueOf(key, before[key])).map((setting) => ({
    setting,
    from: shown(setting, before[setting.key]),
    to: shown(setting, draft[setting.key]),
  }));
}

/** The value with its unit, as a person reads it. */
export function shown(setting: Setting, text: string): string {
  const value = valueOf(setting.key, text);
  if (value === null) return 'forever';
  if (setting.kind !== 'number') return String(value);
  const unit = value === 1 ? setting.unit.slice(0, -1) : setting.unit;
  return `${typeof value === 'number' && Number.isFinite(value) ? words(value) : text} ${unit}`;
}

/** The body of the request that makes these changes. */
export const patchOf = (changes: readonly Change[], draft: Draft): Partial<Settings> =>
  Object.fromEntries(changes.map(({ setting: { key } }) => [key, valueOf(key, draft[key])])) as Partial<Settings>;

/** All settings of a valid draft. */
export const settingsOf = (draft: Draft): Settings =>
  Object.fromEntries(SETTINGS.map(({ key }) => [key, valueOf(key, draft[key])])) as unknown as Settings;

function valueOf(key: SettingKey, text: string): string | number | null {
  const value = text.trim();
  if (SETTINGS.find((setting) => setting.key === key)?.kind !== 'number') return value;
  return value === '' ? null : Number(value);
}

/** The id of a workspace, as the API accepts it. */
export const ID_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** An id made from a name: `Pacific Leaf!` → `pacific-leaf`. Empty if no letter or digit of the name can be used. */
export const idFrom = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '');
