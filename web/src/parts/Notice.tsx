import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { ApiError } from '../api.ts';

interface NoticeProps {
  title: string;
  children?: ReactNode;
  action?: { label: string; onClick(): void };
  tone?: 'calm' | 'trouble';
}

/** Says what is the case and what to do about it. */
export function Notice({ title, children, action, tone = 'calm' }: NoticeProps) {
  return (
    <div className="notice" data-tone={tone} role={tone === 'trouble' ? 'alert' : 'status'}>
      <strong>{title}</strong>
      {children !== undefined && <div className="notice-text">{children}</div>}
      {action && (
        <Button size="xs" variant="default" onClick={action.onClick}>
          {action.label}
        </Button>
      )}
    </div>
  );
}

/** An error of the API with the way out of it. `what` is what could not be done, as a short sentence. */
export function Trouble({ what, error, onRetry }: { what: string; error: unknown; onRetry?: () => void }) {
  // Nothing is broken, and asking again would not help.
  const refused = error instanceof ApiError && error.status === 403;
  const retry = !refused && onRetry && { label: 'Try again', onClick: onRetry };
  return (
    <Notice title={what} tone={refused ? 'calm' : 'trouble'} {...(retry ? { action: retry } : {})}>
      {wayOut(error)}
    </Notice>
  );
}

/** What an error means for the person in front of it. */
export function wayOut(error: unknown): string {
  if (!(error instanceof ApiError)) return 'Something unexpected happened in this page. Reload it.';
  if (error.status === 0) return 'The API does not answer. Is the installation running? This page goes on asking.';
  if (error.status === 401) return 'The key is not valid any more. Use another one (the menu at the top right).';
  if (error.status === 403)
    return 'This key may only read. Open the console with a write key of the workspace or an admin key.';
  if (error.status === 501) return 'This installation cannot do that yet.';
  if (error.status === 503 || error.status === 429)
    return 'The API is busy or waits for its engines. It will be asked again.';
  const places = (error.problem.errors ?? [])
    .filter(({ message }) => !error.message.includes(message))
    .map(({ path, message }) => `${path} ${message}`);
  return [error.message, ...places].join(' · ');
}
