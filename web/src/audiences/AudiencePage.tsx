import { Button, Menu, Switch, Tabs } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconCopy, IconDots, IconDownload, IconPencil, IconTrash } from '@tabler/icons-react';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { useRefusal } from '../app/roles.ts';
import { bodyOf, type SavedAudience } from '../data/api.ts';
import { useApiMutation } from '../data/queries.ts';
import { ConfirmDialog } from '../design/ConfirmDialog.tsx';
import { PageHeader } from '../design/PageHeader.tsx';
import { RoleButton } from '../design/RoleButton.tsx';
import { ErrorState, LoadingState, remedyFor } from '../design/states.tsx';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { ActivityPanel } from './ActivityPanel.tsx';
import './audiences.css';
import { askedOf, draftOf, replaceAudience, useAudience, useCount } from './data.ts';
import { ExportDialog } from './ExportDialog.tsx';
import { CountPanel, SamplePanel, TrendPanel } from './Insight.tsx';
import { Members } from './Members.tsx';
import { inWords, renderText } from './model/text.ts';
import type { AudienceSearch, AudienceTab } from './routes.ts';
import { SpotCheck } from './SpotCheck.tsx';
import { Versions } from './Versions.tsx';

const BACK = { to: '/audiences', title: 'Audiences' };

/** One saved audience. */
export function AudiencePage() {
  const { id } = useParams({ from: '/audiences/$id' });
  const audience = useAudience(id);
  if (audience.error && !audience.data)
    return (
      <>
        <PageHeader title="Audience" back={BACK} />
        <ErrorState what="Cannot load this audience" error={audience.error} onRetry={() => void audience.refetch()} />
      </>
    );
  if (!audience.data) return <LoadingState lines={8} what="Loading the audience" />;
  // With the id as key: what another audience answered must not be shown for this one.
  return <Loaded key={id} saved={audience.data} />;
}

function Loaded({ saved }: { saved: SavedAudience }) {
  const { tab = 'overview', person, left, right } = useSearch({ from: '/audiences/$id' });
  const navigate = useNavigate();
  const show = (search: AudienceSearch): void =>
    void navigate({ to: '/audiences/$id', params: { id: saved.id }, search, replace: true, resetScroll: false });
  return (
    <>
      <PageHeader title={saved.name} back={BACK} actions={<Actions saved={saved} />}>
        {inWords(askedOf(saved).audience)}
      </PageHeader>
      <Tabs value={tab} onChange={(value) => show({ tab: value as AudienceTab })} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          <Tabs.Tab value="members">Members</Tabs.Tab>
          <Tabs.Tab value="check">Spot check</Tabs.Tab>
          <Tabs.Tab value="versions">Versions</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview">
          <Overview saved={saved} onCheck={(personId) => show({ tab: 'check', person: personId })} />
        </Tabs.Panel>
        <Tabs.Panel value="members">
          <Members saved={saved} />
        </Tabs.Panel>
        <Tabs.Panel value="check">
          <SpotCheck
            question={askedOf(saved)}
            personId={person ?? null}
            onPerson={(personId) => show({ tab: 'check', person: personId ?? undefined })}
          />
        </Tabs.Panel>
        <Tabs.Panel value="versions">
          <Versions
            id={saved.id}
            left={left ?? null}
            right={right ?? null}
            onChoose={(chosen) => show({ tab: 'versions', ...chosen })}
          />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Overview({ saved, onCheck }: { saved: SavedAudience; onCheck(personId: string): void }) {
  const key = `${saved.version}`;
  // The answer is a new object at every poll; the version counts
  const question = useMemo(() => askedOf(saved), [key]);
  const preview = useCount(question);
  const failed = preview.error !== null && preview.data === undefined;
  return (
    <div className="overview">
      <div className="overview-main">
        {failed ? (
          <ErrorState what="Cannot count this audience" error={preview.error} onRetry={() => void preview.refetch()} />
        ) : (
          <CountPanel preview={preview.data} stale={preview.isPlaceholderData} unknown={false} />
        )}
        {saved.live && <ActivityPanel id={saved.id} />}
        <TrendPanel question={question} />
      </div>
      <div className="overview-side">
        {!failed && <SamplePanel preview={preview.data} stale={preview.isPlaceholderData} onCheck={onCheck} />}
        <section className="panel" aria-labelledby="text-title">
          <header className="panel-head">
            <h2 id="text-title">As text</h2>
          </header>
          <pre className="code code-wrap">{renderText(question.audience)}</pre>
          <p className="fine overview-meta">
            Version {saved.version}, saved <ZonedTime at={saved.updated_at} />
            {saved.include_anonymous && ' · includes anonymous people'}
          </p>
        </section>
      </div>
    </div>
  );
}

function Actions({ saved }: { saved: SavedAudience }) {
  const navigate = useNavigate();
  const [dialog, setDialog] = useState<'delete' | 'export' | null>(null);
  const params = { id: saved.id };
  const remove = useApiMutation((api) => bodyOf(api.DELETE('/v1/audiences/{id}', { params: { path: params } })), {
    outdates: [['audiences']],
    onSuccess: () => {
      notifications.show({ color: 'leaf', title: 'Deleted', message: `“${saved.name}” was deleted.` });
      void navigate({ to: '/audiences' });
    },
  });
  return (
    <>
      <LiveSwitch saved={saved} />
      <Button variant="default" leftSection={<IconDownload size={16} />} onClick={() => setDialog('export')}>
        Export
      </Button>
      <RoleButton
        needs="write"
        leftSection={<IconPencil size={16} />}
        onClick={() => void navigate({ to: '/audiences/$id/edit', params })}
      >
        Edit
      </RoleButton>
      <MoreActions saved={saved} onDelete={() => setDialog('delete')} />
      <ExportDialog saved={saved} opened={dialog === 'export'} onClose={() => setDialog(null)} />
      <ConfirmDialog
        opened={dialog === 'delete'}
        title="Delete this audience?"
        action="Delete"
        busy={remove.isPending}
        error={remove.error}
        onConfirm={() => remove.mutate()}
        onClose={() => setDialog(null)}
      >
        <p>
          “{saved.name}” and its versions can no longer be opened.
          {saved.live && ' It is live: its feed of changes ends.'} This cannot be undone.
        </p>
      </ConfirmDialog>
    </>
  );
}

function MoreActions({ saved, onDelete }: { saved: SavedAudience; onDelete(): void }) {
  const navigate = useNavigate();
  const refusal = useRefusal('write');
  return (
    <Menu position="bottom-end" width={200} shadow="md" withinPortal>
      <Menu.Target>
        <Button variant="default" px={10} aria-label="More actions">
          <IconDots size={16} />
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={<IconCopy size={15} />}
          onClick={() => void navigate({ to: '/audiences/new', search: { from: saved.id } })}
        >
          Duplicate
        </Menu.Item>
        <Menu.Item
          color="red"
          leftSection={<IconTrash size={15} />}
          disabled={refusal !== null}
          title={refusal ?? undefined}
          onClick={onDelete}
        >
          Delete
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** Live: people who enter or leave are reported as it happens. */
function LiveSwitch({ saved }: { saved: SavedAudience }) {
  const refusal = useRefusal('write');
  const change = useApiMutation(
    (api, live: boolean) => replaceAudience(api, saved.id, saved.version, { ...draftOf(saved), live }),
    {
      outdates: [['audience', saved.id], ['audiences'], ['audience-versions', saved.id]],
      onSuccess: ({ live }) =>
        notifications.show({
          color: 'leaf',
          title: live ? 'Live' : 'No longer live',
          message: live
            ? 'People who enter or leave are reported within seconds.'
            : 'People who enter or leave are no longer reported.',
        }),
    },
  );
  return (
    <>
      <Switch
        label="Live"
        checked={change.isPending ? !saved.live : saved.live}
        disabled={change.isPending}
        aria-disabled={refusal !== null}
        title={refusal ?? 'Report people who enter or leave as it happens'}
        onChange={(event) => refusal === null && change.mutate(event.currentTarget.checked)}
      />
      {change.error !== null && (
        <span className="fine" role="alert">
          {remedyFor(change.error)}
        </span>
      )}
    </>
  );
}
