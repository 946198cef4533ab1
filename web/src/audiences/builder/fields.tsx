/** The controls of a condition: small, and each with a name for screen readers. */
import { TextInput, UnstyledButton } from '@mantine/core';
import { IconCalendar, IconClock } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { isDay } from '../model/condition.ts';
import { instantAt, localAt, zoneNameAt } from './local-time.ts';

interface PickProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange(value: T): void;
  strong?: boolean;
}

/** One of a few values. A native list without wrappers: a builder may show hundreds, and the keys are as everywhere. */
export function Pick<T extends string>({ label, value, options, onChange, strong = false }: PickProps<T>) {
  return (
    <select
      className="pick"
      data-strong={strong || undefined}
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value as T)}
    >
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

interface NumberFieldProps {
  label: string;
  value: number | null;
  onChange(value: number | null): void;
  placeholder?: string;
  prefix?: string;
  /** Whether fractions are allowed. */
  decimal?: boolean;
}

/** A number, or nothing. What cannot be read as a number counts as nothing, and stays as it was typed. */
export function NumberField({ label, value, onChange, placeholder, prefix, decimal = false }: NumberFieldProps) {
  const [text, setText] = useState(value === null ? '' : String(value));
  const read = (typed: string): number | null => {
    const clean = typed.replaceAll(',', '').trim();
    const valid = decimal ? /^\d+(\.\d*)?$/.test(clean) : /^\d+$/.test(clean);
    return valid ? Number(clean) : null;
  };
  // Another value came from elsewhere: undo, or the text form.
  useEffect(() => {
    setText((shown) => (read(shown) === value ? shown : value === null ? '' : String(value)));
    // `read` depends on `decimal` alone, which never changes
  }, [value]);
  return (
    <TextInput
      size="xs"
      className="number-field"
      aria-label={label}
      inputMode={decimal ? 'decimal' : 'numeric'}
      autoComplete="off"
      value={text}
      placeholder={placeholder ?? ''}
      error={value === null && text !== ''}
      leftSection={prefix}
      leftSectionWidth={prefix === undefined ? 0 : 20}
      style={{ '--chars': Math.max(2, text.length, placeholder?.length ?? 0) }}
      onChange={(event) => {
        setText(event.currentTarget.value);
        onChange(read(event.currentTarget.value));
      }}
    />
  );
}

interface DateFieldProps {
  label: string;
  /** A day, an RFC 3339 instant, or empty. */
  value: string;
  timeZone: string;
  /** Whether an exact time may be entered instead of a day. */
  exact?: boolean;
  onChange(value: string): void;
}

/** A day, or an exact time in the workspace's zone. */
export function DateField({ label, value, timeZone, exact = true, onChange }: DateFieldProps) {
  const isExact = value !== '' && !isDay(value);
  const asked = useRef(0);
  const setLocal = (local: string): void => {
    const turn = ++asked.current;
    if (local === '') onChange('');
    else void instantAt(local, timeZone).then((instant) => turn === asked.current && onChange(instant));
  };
  return (
    <span className="date-field">
      <TextInput
        key={isExact ? 'exact' : 'day'}
        size="xs"
        aria-label={isExact ? `${label}, exact time in ${timeZone}` : `${label}, a day in ${timeZone}`}
        type={isExact ? 'datetime-local' : 'date'}
        step={isExact ? 1 : undefined}
        // Browsers take years of up to six digits unless the last one has four.
        min={isExact ? '1970-01-01T00:00:00' : '1970-01-01'}
        max={isExact ? '2200-12-31T23:59:59' : '2200-12-31'}
        value={isExact ? localAt(value, timeZone) : value}
        onChange={({ currentTarget }) => (isExact ? setLocal(currentTarget.value) : onChange(currentTarget.value))}
      />
      {isExact && <span className="zone">{zoneNameAt(value, timeZone)}</span>}
      {exact && (
        <UnstyledButton
          className="date-switch"
          aria-label={isExact ? `${label}: use a whole day` : `${label}: use an exact time`}
          title={isExact ? 'Use a whole day' : 'Use an exact time'}
          onClick={() => (isExact ? onChange(localAt(value, timeZone).slice(0, 10)) : setLocal(`${value}T00:00:00`))}
          disabled={value === ''}
        >
          {isExact ? <IconCalendar size={14} /> : <IconClock size={14} />}
        </UnstyledButton>
      )}
    </span>
  );
}

/** Text between controls. Screen readers have the names of the controls instead. */
export function Word({ children }: { children: string }) {
  return (
    <span className="word" aria-hidden="true">
      {children}
    </span>
  );
}
