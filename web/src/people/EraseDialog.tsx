import { notifications } from '@mantine/notifications';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useSession } from '../app/session.ts';
import { bodyOf } from '../data/api.ts';
import { forgetAnswers, useApiMutation } from '../data/queries.ts';
import { ConfirmDialog } from '../design/ConfirmDialog.tsx';
import { counted } from '../design/words.ts';
import { erasePhrase, titleOf } from './person.ts';
import type { PersonDetails } from './timeline.ts';

interface EraseDialogProps {
  person: PersonDetails;
  opened: boolean;
  onClose(): void;
}

/** Erases a person after a typed confirmation. What remains is described in docs/operate.md. */
export function EraseDialog({ person, opened, onClose }: EraseDialogProps) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { workspace } = useSession();
  const { person_id: id } = person;
  const erase = useApiMutation((api) => bodyOf(api.DELETE('/v1/people/{id}', { params: { path: { id } } })), {
    onSuccess: () => {
      // Once the page is left: its own questions would be answered that the person is unknown.
      void navigate({ to: '/people' }).then(() => {
        forgetAnswers(queries, workspace.id);
        notifications.show({ color: 'leaf', title: 'Erased', message: `No query shows person ${id} any more.` });
      });
    },
  });
  return (
    <ConfirmDialog
      opened={opened}
      title={`Erase ${titleOf(person)}?`}
      action="Erase"
      typed={erasePhrase(id)}
      busy={erase.isPending}
      error={erase.error}
      onConfirm={() => erase.mutate()}
      onClose={() => {
        erase.reset();
        onClose();
      }}
    >
      <p>
        This removes the profile, all identifiers and consents, {counted(person.carts.length, 'cart', 'carts')} with
        their trait events, and dead letters that name them. Counts of the past no longer include them. It cannot be
        undone.
      </p>
      <p>
        Topics are not rewritten. <code>cart-events</code>, <code>person-inputs</code> and <code>trait-events</code>{' '}
        hold what arrived for <code>LOG_RETENTION_DAYS</code> (90 by default), <code>dead-letters</code> for 30 days,
        and changelogs until they are compacted, about a day. None of it brings the person back. Backups hold what they
        held.
      </p>
      <p>
        A delivery that is received later makes a new person. Erasing takes some seconds: it is answered when every
        stage has dropped them.
      </p>
    </ConfirmDialog>
  );
}
