import { Button, Menu } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconArchive, IconDots, IconPlayerPause, IconPlayerPlay, IconSend } from '@tabler/icons-react';
import { useState } from 'react';
import { useRefusal } from '../app/roles.ts';
import { bodyOf, type SavedFlow } from '../data/api.ts';
import { useApiMutation } from '../data/queries.ts';
import { ConfirmDialog } from '../design/ConfirmDialog.tsx';
import { counted } from '../design/words.ts';
import { flowOf, useReport } from './data.ts';
import { PublishDialog } from './PublishDialog.tsx';

type Command = 'pause' | 'resume' | 'archive';
type Dialog = Command | 'publish';

/** What can be done to a flow in its state. A key that can only read sees why there is nothing. */
export function FlowActions({ saved }: { saved: SavedFlow }) {
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const refusal = useRefusal('write');
  const { state, version, live_version } = saved;
  if (state === 'archived') return null;
  if (refusal !== null) return <span className="fine flow-refusal">{refusal}</span>;
  const isNewer = version !== live_version;
  return (
    <>
      {(state === 'live' || state === 'publishing') && (
        <Button
          variant="default"
          leftSection={<IconPlayerPause size={16} aria-hidden />}
          onClick={() => setDialog('pause')}
        >
          Pause
        </Button>
      )}
      {state === 'paused' && (
        <Button
          variant={isNewer ? 'default' : 'filled'}
          leftSection={<IconPlayerPlay size={16} aria-hidden />}
          onClick={() => setDialog('resume')}
        >
          Resume
        </Button>
      )}
      {isNewer && (
        <Button leftSection={<IconSend size={16} aria-hidden />} onClick={() => setDialog('publish')}>
          {live_version === null ? 'Publish' : `Publish version ${version}`}
        </Button>
      )}
      <Menu position="bottom-end" width={200} shadow="md" withinPortal>
        <Menu.Target>
          <Button variant="default" px={10} aria-label="More actions">
            <IconDots size={16} aria-hidden />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item
            color="red"
            leftSection={<IconArchive size={15} aria-hidden />}
            onClick={() => setDialog('archive')}
          >
            Archive…
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <PublishDialog saved={saved} opened={dialog === 'publish'} onClose={() => setDialog(null)} />
      {(['pause', 'resume', 'archive'] as const).map((command) => (
        <CommandDialog
          key={command}
          command={command}
          saved={saved}
          opened={dialog === command}
          onClose={() => setDialog(null)}
        />
      ))}
    </>
  );
}

const COMMANDS: Readonly<Record<Command, { title: string; action: string; done: string; says: string }>> = {
  pause: {
    title: 'Pause this flow?',
    action: 'Pause',
    done: 'Paused',
    says: 'It starts and sends nothing until it is resumed.',
  },
  resume: { title: 'Resume this flow?', action: 'Resume', done: 'Resumed', says: 'What fell due proceeds now.' },
  archive: { title: 'Archive this flow?', action: 'Archive', done: 'Archived', says: 'Its runs end within seconds.' },
};

interface CommandDialogProps {
  command: Command;
  saved: SavedFlow;
  opened: boolean;
  onClose(): void;
}

function CommandDialog({ command, saved, opened, onClose }: CommandDialogProps) {
  const { title, action, done, says } = COMMANDS[command];
  const params = { path: { id: saved.id } };
  const change = useApiMutation(
    async (api) => {
      if (command === 'archive') await bodyOf(api.DELETE('/v1/flows/{id}', { params }));
      else if (command === 'pause') await bodyOf(api.POST('/v1/flows/{id}/pause', { params }));
      else await bodyOf(api.POST('/v1/flows/{id}/resume', { params }));
    },
    {
      outdates: [['flow', saved.id], ['flows']],
      onSuccess: () => {
        notifications.show({ color: 'leaf', title: done, message: says });
        onClose();
      },
    },
  );
  return (
    <ConfirmDialog
      opened={opened}
      title={title}
      action={action}
      color={command === 'resume' ? 'leaf' : 'red'}
      busy={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    >
      <Consequences command={command} saved={saved} />
    </ConfirmDialog>
  );
}

/** What a command does to what is in flight. */
function Consequences({ command, saved }: { command: Command; saved: SavedFlow }) {
  const live = useReport(saved.id, undefined).data?.live;
  const runs = live === undefined ? 'Live runs' : counted(live, 'live run', 'live runs');
  const verb = (one: string, many: string): string => (live === 1 ? one : many);
  if (command === 'pause')
    return (
      <>
        <p>
          <strong>Nothing starts and nothing is sent</strong> from about a second after the pause. A message that is
          being handed to its provider at that moment is still sent.
        </p>
        <p>
          {runs} {verb('keeps its place', 'keep their places')}. Waits still elapse: what falls due is noted, and
          proceeds when the flow is resumed. An order still ends a run as usual.
        </p>
        <p>What happens to carts and orders during the pause starts no run, also not later.</p>
      </>
    );
  if (command === 'resume')
    return (
      <>
        <p>
          <strong>What fell due during the pause proceeds now</strong>, in the order in which it fell due. {runs}{' '}
          {verb('continues', 'continue')}.
        </p>
        <p>
          Each message is checked again before it leaves: consent, quiet hours, and whether the person has ordered
          meanwhile. From now on, trait events start runs again.
        </p>
      </>
    );
  return (
    <>
      <p>
        <strong>
          {runs} of “{flowOf(saved).name}” {verb('ends', 'end')}
        </strong>{' '}
        and nothing starts any more. Messages that have not begun to leave are not sent.
      </p>
      <p>The flow, its runs and its messages remain readable. This cannot be undone.</p>
    </>
  );
}
