import { Button, Radio, Select, TagsInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import type { Subscription, SubscriptionEvent, Verify } from '../data/api.ts';
import { ErrorState } from '../design/states.tsx';
import { EVENT_WORDS, VERIFY_WORDS } from './words.ts';
import { ZONES } from './zones.ts';

/** What can be set of a subscription. */
export type SubscriptionSettings = Pick<Subscription, 'event' | 'store_ids' | 'time_zone' | 'verify'>;

export const NEW_SUBSCRIPTION: SubscriptionSettings = {
  event: 'cart_status',
  store_ids: null,
  time_zone: 'UTC',
  verify: 'both',
};

interface SubscriptionFormProps {
  initial: SubscriptionSettings;
  /** The verb on the button. */
  action: string;
  busy: boolean;
  error: unknown;
  onSubmit(settings: SubscriptionSettings): void;
}

export function SubscriptionForm({ initial, action, busy, error, onSubmit }: SubscriptionFormProps) {
  const [settings, setSettings] = useState(initial);
  const set = (change: Partial<SubscriptionSettings>): void => setSettings({ ...settings, ...change });
  const stores = settings.store_ids ?? [];
  const submit = (submitted: FormEvent): void => {
    submitted.preventDefault();
    onSubmit({ ...settings, store_ids: stores.length > 0 ? stores : null });
  };
  return (
    <form onSubmit={submit} className="form">
      <Radio.Group
        label="What Jane sends"
        value={settings.event}
        onChange={(value) => set({ event: value as SubscriptionEvent })}
      >
        <div className="choices">
          {Object.entries(EVENT_WORDS).map(([value, { title, text }]) => (
            <Radio key={value} value={value} label={title} description={text} />
          ))}
        </div>
      </Radio.Group>
      <TagsInput
        label="Stores"
        description="Jane’s store ids; empty for all stores. Webhooks of other stores become dead letters."
        placeholder={stores.length === 0 ? 'All stores' : ''}
        value={stores}
        onChange={(store_ids) => set({ store_ids })}
        clearable
        clearButtonProps={{ 'aria-label': 'Remove all stores' }}
      />
      <div className="form-row">
        <Select
          label="Time zone of Jane’s times"
          description="Jane sends times without a zone; they appear to be UTC."
          data={ZONES}
          value={settings.time_zone}
          onChange={(zone) => zone !== null && set({ time_zone: zone })}
          searchable
          allowDeselect={false}
        />
        <Select
          label="Authenticated by"
          description="Choose both if Jane has the token and the secret."
          data={Object.entries(VERIFY_WORDS).map(([value, label]) => ({ value, label }))}
          value={settings.verify}
          onChange={(value) => value !== null && set({ verify: value as Verify })}
          allowDeselect={false}
        />
      </div>
      {error !== null && <ErrorState what={`${action} failed`} error={error} />}
      <Button type="submit" loading={busy}>
        {action}
      </Button>
    </form>
  );
}
