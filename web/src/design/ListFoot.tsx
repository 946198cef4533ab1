import { Button } from '@mantine/core';
import type { ReactNode } from 'react';

interface ListFootProps {
  shown: number;
  hasMore: boolean;
  loading: boolean;
  onMore(): void;
  /** What else can be done with the list. */
  children?: ReactNode;
}

/** Below a list that is loaded page by page. */
export function ListFoot({ shown, hasMore, loading, onMore, children }: ListFootProps) {
  return (
    <div className="table-foot">
      <span className="fine">{shown.toLocaleString('en-US')} shown</span>
      <span className="page-actions">
        {children}
        {hasMore && (
          <Button size="xs" variant="default" loading={loading} onClick={onMore}>
            Load more
          </Button>
        )}
      </span>
    </div>
  );
}
