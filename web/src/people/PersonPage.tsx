import { PageHeader } from '../design/PageHeader.tsx';
import { EmptyState } from '../design/states.tsx';

export function PersonPage() {
  return (
    <>
      <PageHeader title="Person" />
      <EmptyState title="Nothing here yet">This page is being built.</EmptyState>
    </>
  );
}
