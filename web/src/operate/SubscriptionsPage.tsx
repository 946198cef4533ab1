import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { useRefusal } from '../app/roles.ts';
import { bodyOf, PAGE_MAX } from '../data/api.ts';
import { useApiQuery } from '../data/queries.ts';
import { PageHeader } from '../design/PageHeader.tsx';
import { RoleButton } from '../design/RoleButton.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { SubscriptionCard } from './SubscriptionCard.tsx';
import { SubscriptionDialogs, SUBSCRIPTIONS, type SubscriptionDialog } from './SubscriptionDialogs.tsx';
import './operate.css';

export function SubscriptionsPage() {
  const [dialog, setDialog] = useState<SubscriptionDialog | null>(null);
  const refusal = useRefusal('write');
  const create = (
    <RoleButton needs="write" leftSection={<IconPlus size={16} />} onClick={() => setDialog({ kind: 'new' })}>
      New subscription
    </RoleButton>
  );
  return (
    <div className="page">
      <PageHeader title="Subscriptions" actions={create}>
        What Jane sends to this workspace: one subscription for each kind of event.
      </PageHeader>
      {refusal === null ? (
        <SubscriptionList onDialog={setDialog} />
      ) : (
        <EmptyState title="Subscriptions need a write key">{refusal}</EmptyState>
      )}
      <SubscriptionDialogs dialog={dialog} onDialog={setDialog} />
    </div>
  );
}

function SubscriptionList({ onDialog }: { onDialog(dialog: SubscriptionDialog): void }) {
  const list = useApiQuery(
    SUBSCRIPTIONS,
    (api, signal) => bodyOf(api.GET('/v1/subscriptions', { params: { query: { limit: PAGE_MAX } }, signal })),
    { refetchInterval: 5_000 },
  );
  if (!list.data)
    return list.error ? (
      <ErrorState what="Cannot load the subscriptions" error={list.error} onRetry={() => void list.refetch()} />
    ) : (
      <LoadingState what="Loading the subscriptions" />
    );
  if (list.data.items.length === 0)
    return (
      <EmptyState title="No subscriptions yet">
        Start with one for <strong>order status</strong>, which both traits need. You get a URL, a token and a secret to
        paste into Jane.
      </EmptyState>
    );
  return (
    <ul className="cards">
      {list.data.items.map((subscription) => (
        <SubscriptionCard key={subscription.id} subscription={subscription} onDialog={onDialog} />
      ))}
    </ul>
  );
}
