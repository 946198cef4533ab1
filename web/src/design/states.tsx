import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { ApiError } from '../data/api.ts';
import { Mark } from './Mark.tsx';

interface NoticeProps {
  title: string;
  children?: ReactNode;
  action?: { label: string; onClick(): void };
  tone?: 'calm' | 'error';
}

/** A message, optionally with an action. */
export function Notice({ title, children, action, tone = 'calm' }: NoticeProps) {
  return (
    <div className="notice" data-tone={tone} role={tone === 'error' ? 'alert' : 'status'}>
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

/** An error of the API with its remedy. `what` names what failed, as a short sentence. */
export function ErrorState({ what, error, onRetry }: { what: string; error: unknown; onRetry?: () => void }) {
  // A missing permission is not a failure, and a retry would not help.
  const refused = error instanceof ApiError && error.status === 403;
  const retry = !refused && onRetry && { label: 'Try again', onClick: onRetry };
  return (
    <Notice title={what} tone={refused ? 'calm' : 'error'} {...(retry ? { action: retry } : {})}>
      {remedyFor(error)}
    </Notice>
  );
}

interface EmptyStateProps {
  title: string;
  children?: ReactNode;
  /** The next step: a button or a link. */
  action?: ReactNode;
}

/** What a page or a panel shows while it has nothing: why, and what to do next. */
export function EmptyState({ title, children, action }: EmptyStateProps) {
  return (
    <section className="empty" role="status">
      <Mark size={32} />
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
      {action}
    </section>
  );
}

/** Grey lines where content will appear. */
export function LoadingState({ lines = 4, what = 'Loading' }: { lines?: number; what?: string }) {
  return (
    <div className="loading" role="status" aria-busy="true" aria-label={what}>
      {Array.from({ length: lines }, (_, n) => (
        <span key={n} className="loading-line" aria-hidden="true" />
      ))}
    </div>
  );
}

/** The remedy for an error, for the reader of the page. */
export function remedyFor(error: unknown): string {
  if (!(error instanceof ApiError)) return 'An unexpected error occurred on this page. Reload it.';
  if (error.status === 0)
    return (
      error.problem.detail ??
      'The API does not answer. Check that the installation is running; this page keeps retrying.'
    );
  if (error.status === 401) return 'The key is no longer valid. Use another one (at the end of the navigation).';
  if (error.status === 403) return 'This key can only read. Use a write key of the workspace or an admin key.';
  if (error.status === 501) return 'This is not available yet.';
  if (error.status === 503 || error.status === 429)
    return 'The API is busy or an engine does not answer. This page retries.';
  const places = (error.problem.errors ?? [])
    .filter(({ message }) => !error.message.includes(message))
    .map(({ path, message }) => `${path} ${message}`);
  return [error.message, ...places].join(' · ');
}
