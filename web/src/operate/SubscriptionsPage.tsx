import { Button, Modal } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { bodyOf, PAGE_MAX, type SubscriptionSecrets } from '../data/api.ts';
import { Notice, ErrorState } from '../design/states.tsx';
import { useSession } from '../app/session.ts';
import { NewSubscriptionForm } from './NewSubscriptionForm.tsx';
import { PasteIntoJane } from './PasteIntoJane.tsx';
import { SubscriptionCard } from './SubscriptionCard.tsx';
import './operate.css';

type Dialog = { kind: 'new' } | { kind: 'paste'; secrets: SubscriptionSecrets; rotated: boolean };

export function SubscriptionsPage() {
  const { api, workspace } = useSession();
  const queries = useQueryClient();
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const key = ['subscriptions', workspace.id];
  const list = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => bodyOf(api.GET('/v1/subscriptions', { params: { query: { limit: PAGE_MAX } }, signal })),
    refetchInterval: 5_000,
  });
  const changed = (): void => void queries.invalidateQueries({ queryKey: key });
  const show = (secrets: SubscriptionSecrets, rotated: boolean): void => {
    changed();
    setDialog({ kind: 'paste', secrets, rotated });
  };
  const items = list.data?.items ?? [];
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Subscriptions</h1>
          <p className="fine">What Jane sends to this workspace: one subscription for each kind of event.</p>
        </div>
        <Button leftSection={<IconPlus size={16} />} onClick={() => setDialog({ kind: 'new' })} disabled={!list.data}>
          New subscription
        </Button>
      </header>
      {list.error && !list.data && (
        <ErrorState what="Cannot load the subscriptions" error={list.error} onRetry={() => void list.refetch()} />
      )}
      {list.data && items.length === 0 && (
        <Notice title="No subscriptions yet">
          Start with one for <strong>order status</strong>, which both traits need. You get a URL, a token and a secret
          to paste into Jane.
        </Notice>
      )}
      <ul className="cards">
        {items.map((subscription) => (
          <SubscriptionCard
            key={subscription.id}
            subscription={subscription}
            onChanged={changed}
            onSecrets={(secrets) => show(secrets, true)}
          />
        ))}
      </ul>
      <Modal
        opened={dialog !== null}
        onClose={() => setDialog(null)}
        size="lg"
        centered
        closeOnClickOutside={dialog?.kind !== 'paste'}
        title={
          dialog?.kind !== 'paste'
            ? 'New subscription'
            : dialog.rotated
              ? 'New secrets: paste them into Jane'
              : 'Paste this into Jane'
        }
      >
        {dialog?.kind === 'new' && <NewSubscriptionForm onMade={(secrets) => show(secrets, false)} />}
        {dialog?.kind === 'paste' && (
          <PasteIntoJane secrets={dialog.secrets} rotated={dialog.rotated} onDone={() => setDialog(null)} />
        )}
      </Modal>
    </div>
  );
}
