import { PageHeader } from '../design/PageHeader.tsx';
import { EmptyState } from '../design/states.tsx';

export function KeysPage() {
  return (
    <>
      <PageHeader title="Keys" />
      <EmptyState title="Nothing here yet">This page is being built.</EmptyState>
    </>
  );
}
