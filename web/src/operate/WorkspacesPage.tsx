import { PageHeader } from '../design/PageHeader.tsx';
import { EmptyState } from '../design/states.tsx';

export function WorkspacesPage() {
  return (
    <>
      <PageHeader title="Workspaces" />
      <EmptyState title="Nothing here yet">This page is being built.</EmptyState>
    </>
  );
}
