import { Button, Radio, Select, TagsInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { bodyOf, type SubscriptionEvent, type SubscriptionSecrets, type Verify } from '../data/api.ts';
import { ErrorState } from '../design/states.tsx';
import { useSession } from '../app/session.ts';
import { EVENT_WORDS, VERIFY_WORDS } from './words.ts';

const ZONES = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];

export function NewSubscriptionForm({ onMade }: { onMade(secrets: SubscriptionSecrets): void }) {
  const { api } = useSession();
  const [event, setEvent] = useState<SubscriptionEvent>('cart_status');
  const [stores, setStores] = useState<string[]>([]);
  const [timeZone, setTimeZone] = useState('UTC');
  const [verify, setVerify] = useState<Verify>('both');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  const submit = (submitted: FormEvent): void => {
    submitted.preventDefault();
    setBusy(true);
    setError(null);
    const store_ids = stores.length > 0 ? stores : null;
    bodyOf(api.POST('/v1/subscriptions', { body: { event, store_ids, time_zone: timeZone, verify } }))
      .then(onMade)
      .catch((failure: unknown) => {
        setError(failure);
        setBusy(false);
      });
  };

  return (
    <form onSubmit={submit} className="form">
      <Radio.Group label="What Jane sends" value={event} onChange={(value) => setEvent(value as SubscriptionEvent)}>
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
        onChange={setStores}
        clearable
      />
      <div className="form-row">
        <Select
          label="Time zone of Jane’s times"
          description="Jane sends times without a zone; they appear to be UTC."
          data={ZONES}
          value={timeZone}
          onChange={(zone) => zone !== null && setTimeZone(zone)}
          searchable
          allowDeselect={false}
        />
        <Select
          label="Authenticated by"
          description="Choose both if Jane has the token and the secret."
          data={Object.entries(VERIFY_WORDS).map(([value, label]) => ({ value, label }))}
          value={verify}
          onChange={(value) => value !== null && setVerify(value as Verify)}
          allowDeselect={false}
        />
      </div>
      {error !== null && <ErrorState what="Cannot create the subscription" error={error} />}
      <Button type="submit" loading={busy}>
        Create subscription
      </Button>
    </form>
  );
}
