import { ActionIcon, Button, CopyButton, Popover, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useState } from 'react';
import { bodyOf, type Subscription, type SubscriptionSecrets } from '../data/api.ts';
import { remedyFor } from '../design/states.tsx';
import { useSession } from '../app/session.ts';
import { ago, count, useNow } from '../design/time.ts';
import { EVENT_WORDS, reasonWords, VERIFY_WORDS } from './words.ts';

interface SubscriptionCardProps {
  subscription: Subscription;
  onChanged(): void;
  onSecrets(secrets: SubscriptionSecrets): void;
}

export function SubscriptionCard({ subscription, onChanged, onSecrets }: SubscriptionCardProps) {
  const { api } = useSession();
  const [busy, setBusy] = useState(false);
  const act = (action: () => Promise<void>): void => {
    setBusy(true);
    action()
      .catch((error: unknown) =>
        notifications.show({ color: 'red', title: 'The request failed', message: remedyFor(error) }),
      )
      .finally(() => setBusy(false));
  };
  const params = { path: { id: subscription.id } };
  return (
    <li className="card panel">
      <div className="card-head">
        <h2>{EVENT_WORDS[subscription.event].title}</h2>
        <Received subscription={subscription} />
      </div>
      <CopyLine text={subscription.url} label="URL" />
      <dl className="facts facts-three">
        <Fact name="Stores">{subscription.store_ids?.join(', ') ?? 'all'}</Fact>
        <Fact name="Time zone">{subscription.time_zone}</Fact>
        <Fact name="Authenticated by">{VERIFY_WORDS[subscription.verify]}</Fact>
      </dl>
      <Refused refused={subscription.refused} />
      <div className="card-actions">
        <Confirm
          label="Rotate secrets"
          question="The old token and secret stay valid for 24 hours."
          busy={busy}
          onYes={() =>
            act(async () => onSecrets(await bodyOf(api.POST('/v1/subscriptions/{id}/rotate', { params, body: {} }))))
          }
        />
        <Confirm
          label="Delete"
          danger
          question="Webhooks that Jane sends to this URL will be refused."
          busy={busy}
          onYes={() =>
            act(async () => {
              await bodyOf(api.DELETE('/v1/subscriptions/{id}', { params }));
              onChanged();
            })
          }
        />
      </div>
    </li>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Received({ subscription }: { subscription: Subscription }) {
  const nowMs = useNow();
  const at = subscription.last_received_at;
  if (at === null) return <span className="pill">no webhooks yet</span>;
  const words = ago(Date.parse(at), nowMs);
  return <span className="pill pill-good">{words === 'now' ? 'receiving now' : `last received ${words} ago`}</span>;
}

function Refused({ refused }: { refused: Record<string, number> }) {
  const reasons = Object.entries(refused).filter(([, times]) => times > 0);
  if (reasons.length === 0) return null;
  return (
    <p className="refused">
      Refused: {reasons.map(([reason, times]) => `${count(times)} × ${reasonWords(reason)}`).join(', ')}. Compare the
      settings in Jane with the URL above; you can rotate the secrets at any time.
    </p>
  );
}

/** Text with a button that copies it. */
export function CopyLine({ text, label }: { text: string; label: string }) {
  return (
    <div className="copy-line">
      <code>{text}</code>
      <CopyButton value={text} timeout={1_500}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? 'Copied' : `Copy the ${label}`}>
            <ActionIcon variant="subtle" color="gray" onClick={copy} aria-label={`Copy the ${label}`}>
              {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  );
}

interface ConfirmProps {
  label: string;
  question: string;
  danger?: boolean;
  busy: boolean;
  onYes(): void;
}

function Confirm({ label, question, danger = false, busy, onYes }: ConfirmProps) {
  const [open, setOpen] = useState(false);
  return (
    <Popover opened={open} onChange={setOpen} width={260} shadow="md" trapFocus withArrow>
      <Popover.Target>
        <Button
          size="xs"
          variant={danger ? 'subtle' : 'default'}
          {...(danger ? { color: 'red', c: 'var(--red)' } : {})}
          disabled={busy}
          onClick={() => setOpen(!open)}
        >
          {label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <p className="fine">{question}</p>
        <Button
          size="xs"
          mt="xs"
          fullWidth
          {...(danger ? { color: 'red' } : {})}
          onClick={() => {
            setOpen(false);
            onYes();
          }}
        >
          {label}
        </Button>
      </Popover.Dropdown>
    </Popover>
  );
}
