import { Select, TextInput } from '@mantine/core';
import { COUNTRIES } from './countries.ts';
import { problemOf, type Draft, type Setting, type SettingKey } from './settings.ts';
import { ZONES } from './zones.ts';

interface SettingsFieldsProps {
  settings: readonly Setting[];
  draft: Draft;
  onChange(key: SettingKey, text: string): void;
  /** The keys whose problems are shown; the others have not been touched yet. */
  checked: ReadonlySet<SettingKey>;
  /** Whether each field says when a change takes effect: not for what is just being created. */
  explainsChanges?: boolean;
}

/** One field for each setting, with what it does. */
export function SettingsFields({ settings, draft, onChange, checked, explainsChanges = false }: SettingsFieldsProps) {
  return (
    <>
      {settings.map((setting) => (
        <Field
          key={setting.key}
          setting={setting}
          explainsChanges={explainsChanges}
          text={draft[setting.key]}
          onChange={(text) => onChange(setting.key, text)}
          error={checked.has(setting.key) ? problemOf(setting, draft[setting.key]) : null}
        />
      ))}
    </>
  );
}

interface FieldProps {
  setting: Setting;
  explainsChanges: boolean;
  text: string;
  onChange(text: string): void;
  error: string | null;
}

function Field({ setting, explainsChanges, text, onChange, error }: FieldProps) {
  const { label, kind } = setting;
  const common = {
    label,
    error,
    description: <Description setting={setting} explainsChanges={explainsChanges} />,
    maw: 560,
  };
  if (kind === 'zone' || kind === 'country')
    return (
      <Select
        {...common}
        data={kind === 'zone' ? ZONES : COUNTRIES}
        value={text === '' ? null : text}
        onChange={(value) => onChange(value ?? '')}
        placeholder={kind === 'zone' ? 'Choose a zone' : 'Choose a country'}
        searchable
        allowDeselect={false}
        nothingFoundMessage="Nothing found"
      />
    );
  return (
    <TextInput
      {...common}
      value={text}
      onChange={(event) => onChange(event.currentTarget.value)}
      autoComplete="off"
      {...(kind === 'number'
        ? {
            inputMode: 'numeric',
            placeholder: setting.key === 'retention_days' ? 'forever' : '',
            ...unitOf(setting.unit),
          }
        : {})}
    />
  );
}

const unitOf = (unit: string) => ({ rightSection: <span className="unit">{unit}</span>, rightSectionWidth: 76 });

function Description({ setting, explainsChanges }: { setting: Setting; explainsChanges: boolean }) {
  return (
    <>
      {setting.does} {explainsChanges && <span className="effect">{setting.effect}</span>}
    </>
  );
}
