import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { PageHeader } from '../design/PageHeader.tsx';
import type { RangeSearch } from './search.ts';
import './analytics.css';

interface AnalyticsHeaderProps {
  /** What the page is for, as one sentence. */
  purpose: string;
  /** What the other pages are to look at as well. */
  search: RangeSearch;
  beside?: ReactNode;
}

/** The head of these pages with links between them, which keep the stores and the range. */
export function AnalyticsHeader({ purpose, search, beside }: AnalyticsHeaderProps) {
  const { store } = search;
  return (
    <>
      <PageHeader title="Analytics" beside={beside}>
        {purpose}
      </PageHeader>
      <nav className="tabs" aria-label="Analytics">
        <Link to="/analytics/funnel" search={search}>
          Funnel
        </Link>
        <Link to="/analytics/abandonment" search={search}>
          Abandonment
        </Link>
        <Link to="/analytics/board" search={store === undefined ? {} : { store }}>
          Open orders
        </Link>
      </nav>
    </>
  );
}
