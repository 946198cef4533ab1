import { useEffect, useState } from 'react';

export type PageName = 'live' | 'subscriptions' | 'dead-letters';

export const PAGES: readonly { name: PageName; title: string }[] = [
  { name: 'live', title: 'Live' },
  { name: 'subscriptions', title: 'Subscriptions' },
  { name: 'dead-letters', title: 'Dead letters' },
];

/** Pages are addressed by fragment: the server knows one page only. */
export const hrefOf = (page: PageName): string => (page === 'live' ? '#/' : `#/${page}`);

function current(): PageName {
  const name = window.location.hash.replace(/^#\/?/, '');
  return PAGES.find((page) => page.name === name)?.name ?? 'live';
}

export function usePage(): PageName {
  const [page, setPage] = useState(current);
  useEffect(() => {
    const follow = (): void => setPage(current());
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);
  return page;
}
