/** The controls of one condition, in the order of a sentence. */
import { CloseButton, Menu } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import { TRAIT_LABELS } from '../../design/words.ts';
import {
  NEXT_STATUSES,
  possibleFilters,
  UNITS,
  withFilter,
  withOperator,
  withoutFilter,
  withSubject,
  type Condition,
  type Filter,
  type Operator,
  type Subject,
  type TimeDraft,
  type Unit,
} from '../model/condition.ts';
import { useBuilder } from './context.ts';
import { DateField, NumberField, Pick, Word } from './fields.tsx';
import { ValueList, type ValueOption } from './ValueList.tsx';

interface FieldsProps {
  condition: Condition;
  onChange(condition: Condition): void;
}

const SUBJECTS: readonly { value: Subject; label: string }[] = [
  { value: 'cart_abandoned', label: TRAIT_LABELS.cart_abandoned },
  { value: 'cart_status_updated', label: TRAIT_LABELS.cart_status_updated },
  { value: 'dwell', label: 'Order in Status' },
  { value: 'everyone', label: 'Everyone' },
];

export function ConditionFields({ condition, onChange }: FieldsProps) {
  const { subject, negated } = condition;
  const verb = subject === 'everyone' ? 'are' : 'have';
  return (
    <>
      <Pick
        label="Have or have not"
        value={negated ? 'not' : 'yes'}
        options={[
          { value: 'yes', label: verb },
          { value: 'not', label: `${verb} not` },
        ]}
        onChange={(value) => onChange({ ...condition, negated: value === 'not' })}
      />
      <Pick
        label="Trait"
        strong
        value={subject}
        options={SUBJECTS}
        onChange={(value) => onChange(withSubject(condition, value))}
      />
      {(subject === 'cart_status_updated' || subject === 'dwell') && <StatusField {...{ condition, onChange }} />}
      {subject === 'dwell' && <DurationFields {...{ condition, onChange }} />}
      {(subject === 'cart_abandoned' || subject === 'cart_status_updated') && (
        <TimeFields {...{ condition, onChange }} />
      )}
      <Filters {...{ condition, onChange }} />
    </>
  );
}

function StatusField({ condition, onChange }: FieldsProps) {
  const { statuses } = useBuilder();
  const { status = [], subject, time } = condition;
  const ahead = time?.operator === 'in_next';
  return (
    <>
      <Word>{subject === 'dwell' ? ':' : 'to'}</Word>
      <ValueList
        label="Status"
        values={status}
        options={ahead ? statuses.filter(({ value }) => NEXT_STATUSES.includes(value)) : statuses}
        none={subject === 'dwell' ? 'choose a status' : 'any status'}
        free={!ahead}
        onChange={(values) => onChange({ ...condition, status: values })}
      />
    </>
  );
}

const UNIT_OPTIONS = UNITS.map((unit) => ({ value: unit, label: unit }));

function DurationFields({ condition, onChange }: FieldsProps) {
  const duration = condition.for ?? { amount: null, unit: 'minutes' as Unit };
  return (
    <>
      <Word>for at least</Word>
      <NumberField
        label="How long"
        value={duration.amount}
        onChange={(amount) => onChange({ ...condition, for: { ...duration, amount } })}
      />
      <Pick
        label="Unit of time"
        value={duration.unit}
        options={UNIT_OPTIONS}
        onChange={(unit) => onChange({ ...condition, for: { ...duration, unit } })}
      />
    </>
  );
}

const OPERATORS: readonly { value: Operator | 'ever'; label: string }[] = [
  { value: 'in_last', label: 'in last' },
  { value: 'in_next', label: 'in next' },
  { value: 'after', label: 'after' },
  { value: 'on', label: 'on' },
  { value: 'before', label: 'before' },
  { value: 'between', label: 'between' },
  { value: 'ever', label: 'at any time' },
];

function TimeFields({ condition, onChange }: FieldsProps) {
  const { timeZone, today } = useBuilder();
  const { time } = condition;
  const set = (next: TimeDraft): void => onChange({ ...condition, time: next });
  return (
    <>
      <Pick
        label="When"
        value={time?.operator ?? 'ever'}
        options={OPERATORS}
        onChange={(value) => onChange(withOperator(condition, value === 'ever' ? null : value, today))}
      />
      {time && 'amount' in time && (
        <>
          <NumberField label="How many" value={time.amount} onChange={(amount) => set({ ...time, amount })} />
          <Pick
            label="Unit of time"
            value={time.unit}
            options={UNIT_OPTIONS}
            onChange={(unit) => set({ ...time, unit })}
          />
        </>
      )}
      {time && 'date' in time && (
        <DateField
          label="Day"
          exact={time.operator !== 'on'}
          value={time.date}
          timeZone={timeZone}
          onChange={(date) => set({ ...time, date })}
        />
      )}
      {time?.operator === 'between' && (
        <>
          <DateField
            label="First day"
            value={time.from}
            timeZone={timeZone}
            onChange={(from) => set({ ...time, from })}
          />
          <Word>and</Word>
          <DateField label="Last day" value={time.to} timeZone={timeZone} onChange={(to) => set({ ...time, to })} />
        </>
      )}
    </>
  );
}

const FILTER_LABELS: Record<Filter, string> = {
  at_least: 'At least',
  store_id: 'Store',
  mode: 'Mode',
  amount: 'Amount',
  product_id: 'Product',
  recovered: 'Recovered',
  anomaly: 'Anomaly',
};

const FILTER_MEANINGS: Record<Filter, string> = {
  at_least: 'A minimum number of times',
  store_id: 'At one of these stores',
  mode: 'Pickup, delivery, kiosk or curbside',
  amount: 'Value of the cart, in dollars',
  product_id: 'Carts that contain one of these products',
  recovered: 'Whether an order followed',
  anomaly: 'Whether the change of status was out of order',
};

function Filters({ condition, onChange }: FieldsProps) {
  const possible = possibleFilters(condition);
  const used = possible.filter((filter) => condition[filter] !== undefined);
  const unused = possible.filter((filter) => condition[filter] === undefined);
  return (
    <>
      {used.map((filter) => (
        <span key={filter} className="filter" data-filter={filter} role="group" aria-label={FILTER_LABELS[filter]}>
          <FilterFields filter={filter} condition={condition} onChange={onChange} />
          <CloseButton
            size="xs"
            aria-label={`Remove the filter ${FILTER_LABELS[filter]}`}
            onClick={() => onChange(withoutFilter(condition, filter))}
          />
        </span>
      ))}
      {unused.length > 0 && <AddFilter filters={unused} onAdd={(filter) => onChange(withFilter(condition, filter))} />}
    </>
  );
}

const MODES: readonly ValueOption[] = ['pickup', 'delivery', 'kiosk', 'curbside'].map((value) => ({
  value,
  label: value,
}));

function FilterFields({ filter, condition, onChange }: FieldsProps & { filter: Filter }): ReactNode {
  const { stores } = useBuilder();
  switch (filter) {
    case 'at_least':
      return (
        <>
          <Word>at least</Word>
          <NumberField
            label="At least this many times"
            value={condition.at_least ?? null}
            onChange={(at_least) => onChange({ ...condition, at_least })}
          />
          <Word>times</Word>
        </>
      );
    case 'amount': {
      const { min, max } = condition.amount ?? { min: null, max: null };
      return (
        <>
          <Word>amount from</Word>
          <NumberField
            label="Lowest amount"
            decimal
            prefix="$"
            placeholder="any"
            value={min}
            onChange={(next) => onChange({ ...condition, amount: { min: next, max } })}
          />
          <Word>to</Word>
          <NumberField
            label="Highest amount"
            decimal
            prefix="$"
            placeholder="any"
            value={max}
            onChange={(next) => onChange({ ...condition, amount: { min, max: next } })}
          />
        </>
      );
    }
    case 'recovered':
    case 'anomaly':
      return (
        <Pick
          label={FILTER_LABELS[filter]}
          value={condition[filter] ? 'yes' : 'no'}
          options={YES_NO[filter]}
          onChange={(value) => onChange({ ...condition, [filter]: value === 'yes' })}
        />
      );
    case 'store_id':
    case 'mode':
    case 'product_id':
      return (
        <>
          <Word>{{ store_id: 'at store', mode: 'by mode', product_id: 'with product' }[filter]}</Word>
          <ValueList
            label={FILTER_LABELS[filter]}
            values={condition[filter] ?? []}
            options={{ store_id: stores, mode: MODES, product_id: [] }[filter]}
            none={{ store_id: 'any store', mode: 'any mode', product_id: 'any product' }[filter]}
            free
            onChange={(values) => onChange({ ...condition, [filter]: values })}
          />
        </>
      );
  }
}

const YES_NO = {
  recovered: [
    { value: 'no', label: 'not recovered' },
    { value: 'yes', label: 'recovered' },
  ],
  anomaly: [
    { value: 'yes', label: 'with an anomaly' },
    { value: 'no', label: 'without an anomaly' },
  ],
} as const;

/** Until it is first used it is a plain button, as in ValueList. */
function AddFilter({ filters, onAdd }: { filters: readonly Filter[]; onAdd(filter: Filter): void }) {
  const [used, setUsed] = useState(false);
  const [opened, setOpened] = useState(true);
  const content = (
    <>
      <IconPlus size={13} aria-hidden /> Filter
    </>
  );
  if (!used)
    return (
      <button type="button" className="add-filter" aria-haspopup="menu" onClick={() => setUsed(true)}>
        {content}
      </button>
    );
  return (
    <Menu opened={opened} onChange={setOpened} position="bottom-start" width={280} shadow="md" withinPortal>
      <Menu.Target>
        <button type="button" className="add-filter">
          {content}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {filters.map((filter) => (
          <Menu.Item key={filter} onClick={() => onAdd(filter)}>
            {FILTER_LABELS[filter]}
            <small className="menu-meaning">{FILTER_MEANINGS[filter]}</small>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
