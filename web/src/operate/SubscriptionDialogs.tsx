import { Modal } from '@mantine/core';
import { bodyOf, type Subscription, type SubscriptionSecrets } from '../data/api.ts';
import { useApiMutation } from '../data/queries.ts';
import { ConfirmDialog } from '../design/ConfirmDialog.tsx';
import { PasteIntoJane } from './PasteIntoJane.tsx';
import { NEW_SUBSCRIPTION, SubscriptionForm, type SubscriptionSettings } from './SubscriptionForm.tsx';
import { EVENT_WORDS } from './words.ts';

export const SUBSCRIPTIONS = ['subscriptions'] as const;

export type SubscriptionDialog =
  | { kind: 'new' }
  | { kind: 'paste'; secrets: SubscriptionSecrets; rotated: boolean }
  | { kind: 'edit' | 'rotate' | 'delete'; subscription: Subscription };

interface DialogsProps {
  dialog: SubscriptionDialog | null;
  onDialog(dialog: SubscriptionDialog | null): void;
}

/** What is done with subscriptions; one dialog is open at a time. */
export function SubscriptionDialogs({ dialog, onDialog }: DialogsProps) {
  const close = (): void => onDialog(null);
  return (
    <>
      <NewDialog
        key={`new ${dialog?.kind === 'new'}`}
        opened={dialog?.kind === 'new'}
        onClose={close}
        onMade={(secrets) => onDialog({ kind: 'paste', secrets, rotated: false })}
      />
      {dialog?.kind === 'edit' && <EditDialog subscription={dialog.subscription} onClose={close} />}
      {dialog?.kind === 'rotate' && (
        <RotateDialog
          subscription={dialog.subscription}
          onClose={close}
          onMade={(secrets) => onDialog({ kind: 'paste', secrets, rotated: true })}
        />
      )}
      {dialog?.kind === 'delete' && <DeleteDialog subscription={dialog.subscription} onClose={close} />}
      <Modal
        opened={dialog?.kind === 'paste'}
        onClose={close}
        size="lg"
        centered
        // Secrets that are closed by accident are lost.
        closeOnClickOutside={false}
        closeOnEscape={false}
        withCloseButton={false}
        title={
          dialog?.kind === 'paste' && dialog.rotated ? 'New secrets: paste them into Jane' : 'Paste this into Jane'
        }
      >
        {dialog?.kind === 'paste' && <PasteIntoJane secrets={dialog.secrets} rotated={dialog.rotated} onDone={close} />}
      </Modal>
    </>
  );
}

interface MadeProps {
  onClose(): void;
  onMade(secrets: SubscriptionSecrets): void;
}

function NewDialog({ opened, onClose, onMade }: MadeProps & { opened: boolean }) {
  const create = useApiMutation((api, body: SubscriptionSettings) => bodyOf(api.POST('/v1/subscriptions', { body })), {
    outdates: [SUBSCRIPTIONS],
    onSuccess: onMade,
  });
  return (
    <Modal opened={opened} onClose={onClose} size="lg" centered title="New subscription">
      <SubscriptionForm
        initial={NEW_SUBSCRIPTION}
        action="Create subscription"
        busy={create.isPending}
        error={create.error}
        onSubmit={(settings) => create.mutate(settings)}
      />
    </Modal>
  );
}

interface OneProps {
  subscription: Subscription;
  onClose(): void;
}

function EditDialog({ subscription, onClose }: OneProps) {
  const params = {
    path: { id: subscription.id },
    header: { 'If-Match': `"${subscription.version}"` },
  };
  const change = useApiMutation(
    (api, body: SubscriptionSettings) => bodyOf(api.PATCH('/v1/subscriptions/{id}', { params, body })),
    { outdates: [SUBSCRIPTIONS], onSuccess: onClose },
  );
  return (
    <Modal opened onClose={onClose} size="lg" centered title="Change this subscription">
      <div className="form">
        <p className="fine">
          The URL, the token and the secret stay the same. A change applies to webhooks that arrive afterwards, within a
          second.
        </p>
        <SubscriptionForm
          initial={subscription}
          action="Save changes"
          busy={change.isPending}
          error={change.error}
          onSubmit={({ event, store_ids, time_zone, verify }) => change.mutate({ event, store_ids, time_zone, verify })}
        />
      </div>
    </Modal>
  );
}

function RotateDialog({ subscription: { id }, onClose, onMade }: OneProps & MadeProps) {
  const rotate = useApiMutation(
    (api) => bodyOf(api.POST('/v1/subscriptions/{id}/rotate', { params: { path: { id } }, body: {} })),
    { outdates: [SUBSCRIPTIONS], onSuccess: onMade },
  );
  return (
    <ConfirmDialog
      opened
      title="Rotate the secrets of this subscription?"
      action="Rotate secrets"
      busy={rotate.isPending}
      error={rotate.error}
      onConfirm={() => rotate.mutate()}
      onClose={onClose}
    >
      <p>
        You get a new token and a new signing secret to paste into Jane. The old ones stay valid for 24 hours, so no
        webhook is refused meanwhile.
      </p>
    </ConfirmDialog>
  );
}

function DeleteDialog({ subscription: { id, event, url }, onClose }: OneProps) {
  const remove = useApiMutation((api) => bodyOf(api.DELETE('/v1/subscriptions/{id}', { params: { path: { id } } })), {
    outdates: [SUBSCRIPTIONS],
    onSuccess: onClose,
  });
  return (
    <ConfirmDialog
      opened
      title={`Delete the subscription for ${EVENT_WORDS[event].title.toLowerCase()}?`}
      action="Delete"
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    >
      <p>
        Webhooks that Jane sends to <code>{url}</code> are answered 401 within a second, and are not kept. This cannot
        be undone. What was received before stays.
      </p>
    </ConfirmDialog>
  );
}
