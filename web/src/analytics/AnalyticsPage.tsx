import { PageHeader } from '../design/PageHeader.tsx';
import { EmptyState } from '../design/states.tsx';

export function AnalyticsPage() {
  return (
    <>
      <PageHeader title="Analytics" />
      <EmptyState title="Nothing here yet">This page is being built.</EmptyState>
    </>
  );
}
