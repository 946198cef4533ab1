import { PageHeader } from '../design/PageHeader.tsx';
import { EmptyState } from '../design/states.tsx';

export function StatusPage() {
  return (
    <>
      <PageHeader title="Status" />
      <EmptyState title="Nothing here yet">This page is being built.</EmptyState>
    </>
  );
}
