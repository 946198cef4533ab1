import { PageHeader } from '../design/PageHeader.tsx';
import { EmptyState } from '../design/states.tsx';

export function AudiencesPage() {
  return (
    <>
      <PageHeader title="Audiences" />
      <EmptyState title="Nothing here yet">This page is being built.</EmptyState>
    </>
  );
}
