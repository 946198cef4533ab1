import { Button, Modal, TextInput } from '@mantine/core';
import { useEffect, useState, type FormEvent, type ReactNode } from 'react';
import { ErrorState } from './states.tsx';

interface ConfirmDialogProps {
  opened: boolean;
  /** A question: "Delete this audience?" */
  title: string;
  /** What happens, and whether it can be undone. */
  children: ReactNode;
  /** The verb: "Delete". */
  action: string;
  /** Red if left out. */
  color?: 'red' | 'leaf';
  /** If given, the button works only after this text has been typed. */
  typed?: string;
  busy?: boolean;
  error?: unknown;
  onConfirm(): void;
  onClose(): void;
}

/** Asks before something that cannot be undone, or whose consequences should be known before. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { opened, title, children, action, color = 'red', typed, busy = false, error, onConfirm, onClose } = props;
  const [text, setText] = useState('');
  useEffect(() => {
    if (opened) setText('');
  }, [opened]);
  const ready = typed === undefined || text.trim() === typed;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (ready) onConfirm();
  };
  return (
    <Modal opened={opened} onClose={onClose} title={title} centered>
      <form className="form" onSubmit={submit}>
        <div className="confirm-text">{children}</div>
        {typed !== undefined && (
          <TextInput
            label={
              <>
                Type <strong>{typed}</strong> to confirm
              </>
            }
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
            data-autofocus
          />
        )}
        {error !== undefined && error !== null && <ErrorState what={`${action} failed`} error={error} />}
        <div className="confirm-actions">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" color={color} disabled={!ready} loading={busy}>
            {action}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
