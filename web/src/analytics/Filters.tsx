import { MultiSelect, SegmentedControl, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useSession } from '../app/session.ts';
import { useStores } from '../data/stores.ts';
import { PRESETS, presetOf, type Days } from './range.ts';
import { readRangeSearch, type Preset, type RangeSearch } from './search.ts';

interface StoreFilterProps {
  /** Absent: all stores. */
  stores: readonly string[] | undefined;
  onChange(stores: string[]): void;
}

/** Chooses stores by name or id. */
export function StoreFilter({ stores = [], onChange }: StoreFilterProps) {
  const known = useStores().data ?? [];
  const names = new Map(known.map(({ store_id, name }) => [store_id, name]));
  // A store of the address that has no carts stays visible, and can be removed.
  const ids = [...new Set([...known.map(({ store_id }) => store_id), ...stores])];
  const data = ids.map((id) => ({ value: id, label: names.get(id) ? `${names.get(id)} (${id})` : `Store ${id}` }));
  return (
    <MultiSelect
      className="filter-stores"
      size="xs"
      label="Stores"
      placeholder={stores.length === 0 ? 'All stores' : ''}
      data={data}
      value={[...stores]}
      onChange={onChange}
      searchable
      clearable
      clearButtonProps={{ 'aria-label': 'Show all stores' }}
      nothingFoundMessage="No such store"
      maxDropdownHeight={280}
    />
  );
}

interface RangeFilterProps {
  search: RangeSearch;
  /** The days that `search` stands for. */
  days: Days;
  onChange(search: RangeSearch): void;
}

/** Chooses days of the workspace's calendar: a range that moves with it, or any two days. */
export function RangeFilter({ search, days, onChange }: RangeFilterProps) {
  const { time_zone } = useSession().workspace;
  const { store } = search;
  const stores = store === undefined ? {} : { store };
  return (
    <div className="filter-range">
      <div className="filter-days">
        <span className="filter-label">Days in {time_zone}</span>
        <SegmentedControl
          size="xs"
          aria-label="Range"
          data={PRESETS.map(({ value, label }) => ({ value, label }))}
          // No preset is chosen while the days are one's own.
          value={presetOf(search) ?? ''}
          onChange={(range) => onChange({ range: range as Preset, ...stores })}
        />
      </div>
      <DayInputs key={`${days.from} ${days.to}`} days={days} onChange={(own) => onChange({ ...own, ...stores })} />
    </div>
  );
}

function DayInputs({ days, onChange }: { days: Days; onChange(days: Days): void }) {
  const [draft, setDraft] = useState(days);
  const reversed = draft.from > draft.to;
  const change = (next: Days): void => {
    setDraft(next);
    const read = readRangeSearch({ ...next });
    if (read.from !== undefined && read.to !== undefined) onChange({ from: read.from, to: read.to });
  };
  return (
    <>
      <TextInput
        type="date"
        size="xs"
        label="From"
        value={draft.from}
        error={reversed ? 'Must not be after the end' : null}
        onChange={(event) => change({ ...draft, from: event.currentTarget.value })}
      />
      <TextInput
        type="date"
        size="xs"
        label="To"
        value={draft.to}
        onChange={(event) => change({ ...draft, to: event.currentTarget.value })}
      />
    </>
  );
}
