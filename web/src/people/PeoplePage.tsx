import { PageHeader } from '../design/PageHeader.tsx';
import { EmptyState } from '../design/states.tsx';

export function PeoplePage() {
  return (
    <>
      <PageHeader title="People" />
      <EmptyState title="Nothing here yet">This page is being built.</EmptyState>
    </>
  );
}
