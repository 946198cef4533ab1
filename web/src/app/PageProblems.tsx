import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { EmptyState } from '../design/states.tsx';

export function PageMissing() {
  return (
    <EmptyState title="There is no such page" action={<Link to="/">Open the first page</Link>}>
      The link may be incomplete, or from another version of the console.
    </EmptyState>
  );
}

/** Shown when a page throws, or when its script cannot be loaded, as after an upgrade of the server. */
export function PageFailed() {
  return (
    <EmptyState
      title="This page could not be shown"
      action={<Button onClick={() => window.location.reload()}>Reload</Button>}
    >
      The console may have been upgraded while this tab was open. Reloading loads the current version.
    </EmptyState>
  );
}
