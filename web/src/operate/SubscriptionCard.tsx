import { ActionIcon, Button, Menu } from '@mantine/core';
import { IconDotsVertical } from '@tabler/icons-react';
import type { Subscription } from '../data/api.ts';
import { Fact } from '../design/Fact.tsx';
import { CopyLine } from '../design/CopyLine.tsx';
import { ago, count, useNow } from '../design/time.ts';
import type { SubscriptionDialog } from './SubscriptionDialogs.tsx';
import { EVENT_WORDS, reasonWords, VERIFY_WORDS } from './words.ts';

interface SubscriptionCardProps {
  subscription: Subscription;
  onDialog(dialog: SubscriptionDialog): void;
}

export function SubscriptionCard({ subscription, onDialog }: SubscriptionCardProps) {
  const { event, url, store_ids, time_zone, verify, refused } = subscription;
  const { title } = EVENT_WORDS[event];
  return (
    <li className="card panel">
      <div className="card-head">
        <h2>{title}</h2>
        <Received subscription={subscription} />
      </div>
      <CopyLine text={url} label="URL" />
      <dl className="facts facts-three">
        <Fact name="Stores">{store_ids?.join(', ') ?? 'all'}</Fact>
        <Fact name="Time zone">{time_zone}</Fact>
        <Fact name="Authenticated by">{VERIFY_WORDS[verify]}</Fact>
      </dl>
      <Refused refused={refused} />
      <div className="card-actions">
        <Button size="xs" variant="default" onClick={() => onDialog({ kind: 'edit', subscription })}>
          Change
        </Button>
        <Button size="xs" variant="default" onClick={() => onDialog({ kind: 'rotate', subscription })}>
          Rotate secrets
        </Button>
        <Menu position="bottom-end" shadow="md" withinPortal>
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" size="md" aria-label={`More actions: ${title}`}>
              <IconDotsVertical size={16} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item c="var(--red)" onClick={() => onDialog({ kind: 'delete', subscription })}>
              Delete
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </div>
    </li>
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
