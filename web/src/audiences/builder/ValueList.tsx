import { Combobox, useCombobox } from '@mantine/core';
import { IconCheck, IconPlus } from '@tabler/icons-react';
import { useEffect, useRef, useState, type Ref } from 'react';

export interface ValueOption {
  value: string;
  label: string;
  meaning?: string;
}

interface ValueListProps {
  label: string;
  values: readonly string[];
  options: readonly ValueOption[];
  /** What no values mean: "any store". */
  none: string;
  /** Whether values can be entered that are not among the options. */
  free?: boolean;
  onChange(values: string[]): void;
}

/** Any of several values. Until it is first used it is a plain button: a builder may show hundreds of these. */
export function ValueList(props: ValueListProps) {
  const [used, setUsed] = useState(false);
  if (used) return <OpenedList {...props} />;
  const { label, values, options, none } = props;
  return (
    <ListButton
      label={label}
      values={values}
      options={options}
      none={none}
      opened={false}
      onClick={() => setUsed(true)}
    />
  );
}

const labelIn = (options: readonly ValueOption[], value: string): string =>
  options.find((option) => option.value === value)?.label ?? value;

/** The values in short, or what no values mean. */
function summary(values: readonly string[], options: readonly ValueOption[], none: string): string {
  const shown = values.map((value) => labelIn(options, value));
  if (shown.length === 0) return none;
  return shown.length > 3 ? `${shown.slice(0, 2).join(', ')} and ${shown.length - 2} more` : shown.join(', ');
}

interface ListButtonProps extends Pick<ValueListProps, 'label' | 'values' | 'options' | 'none'> {
  opened: boolean;
  onClick(): void;
  ref?: Ref<HTMLButtonElement>;
}

/** Further properties are those that Mantine gives to the target of a dropdown. */
function ListButton({ label, values, options, none, opened, onClick, ref, ...target }: ListButtonProps) {
  const all = values.length === 0 ? none : values.map((value) => labelIn(options, value)).join(', ');
  return (
    <button
      {...target}
      ref={ref}
      type="button"
      className="value-button"
      aria-haspopup="listbox"
      aria-expanded={opened}
      aria-label={`${label}: ${all}`}
      data-none={values.length === 0 || undefined}
      onClick={onClick}
    >
      <span className="value-text">{summary(values, options, none)}</span>
    </button>
  );
}

function OpenedList({ label, values, options, none, free = false, onChange }: ValueListProps) {
  const [search, setSearch] = useState('');
  const button = useRef<HTMLButtonElement>(null);
  const combobox = useCombobox({
    defaultOpened: true,
    onDropdownClose: () => {
      combobox.resetSelectedOption();
      setSearch('');
    },
    onDropdownOpen: () => combobox.focusSearchInput(),
  });
  const { focusSearchInput } = combobox;
  useEffect(() => focusSearchInput(), [focusSearchInput]);
  const known = new Set(options.map(({ value }) => value));
  const all = [...options, ...values.filter((value) => !known.has(value)).map((value) => ({ value, label: value }))];
  const wanted = search.trim();
  const shown = all.filter(({ value, label: name, meaning = '' }: ValueOption) =>
    `${value} ${name} ${meaning}`.toLowerCase().includes(wanted.toLowerCase()),
  );
  const isNew = free && wanted !== '' && !all.some(({ value }) => value === wanted);
  const toggle = (value: string): void => {
    onChange(values.includes(value) ? values.filter((other) => other !== value) : [...values, value]);
    if (value === wanted) setSearch('');
  };
  const close = (): void => {
    combobox.closeDropdown();
    button.current?.focus();
  };
  return (
    <Combobox store={combobox} onOptionSubmit={toggle} width={320} position="bottom-start" withinPortal shadow="md">
      <Combobox.Target targetType="button" withAriaAttributes={false}>
        <ListButton
          ref={button}
          label={label}
          values={values}
          options={all}
          none={none}
          opened={combobox.dropdownOpened}
          onClick={() => combobox.toggleDropdown()}
        />
      </Combobox.Target>
      <Combobox.Dropdown
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.stopPropagation();
          close();
        }}
      >
        <Combobox.Search
          aria-label={`${label}: search`}
          placeholder={free ? 'Search or type a value' : 'Search'}
          value={search}
          onChange={(event) => {
            setSearch(event.currentTarget.value);
            combobox.updateSelectedOptionIndex();
          }}
        />
        <Combobox.Options
          mah={320}
          tabIndex={0}
          style={{ overflowY: 'auto' }}
          aria-label={label}
          aria-multiselectable="true"
        >
          {shown.map(({ value, label: name, meaning }: ValueOption) => (
            <Combobox.Option key={value} value={value} active={values.includes(value)}>
              <span className="value-option">
                <span className="value-check" data-on={values.includes(value) || undefined} aria-hidden="true">
                  {values.includes(value) && <IconCheck size={12} stroke={3} />}
                </span>
                <span>
                  {name}
                  {meaning !== undefined && <small>{meaning}</small>}
                </span>
              </span>
            </Combobox.Option>
          ))}
          {isNew && (
            <Combobox.Option value={wanted}>
              <span className="value-option">
                <IconPlus size={14} aria-hidden />
                <span>Add “{wanted}”</span>
              </span>
            </Combobox.Option>
          )}
          {shown.length === 0 && !isNew && (
            <Combobox.Empty>{free ? 'Type a value to add it' : 'Nothing found'}</Combobox.Empty>
          )}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
