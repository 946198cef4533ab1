import { Button } from '@mantine/core';

interface ListFootProps {
  shown: number;
  hasMore: boolean;
  loading: boolean;
  onMore(): void;
}

/** Below a list that is loaded page by page. */
export function ListFoot({ shown, hasMore, loading, onMore }: ListFootProps) {
  return (
    <div className="table-foot">
      <span className="fine">{shown.toLocaleString('en-US')} shown</span>
      {hasMore && (
        <Button size="xs" variant="default" loading={loading} onClick={onMore}>
          Load more
        </Button>
      )}
    </div>
  );
}
