import { Link } from '@tanstack/react-router';
import { PageHeader } from '../design/PageHeader.tsx';
import './people.css';

/** The head of the pages that are not about one person, with links between them. */
export function PeopleHeader({ purpose }: { purpose: string }) {
  return (
    <>
      <PageHeader title="People">{purpose}</PageHeader>
      <nav className="tabs" aria-label="People">
        <Link to="/people" activeOptions={{ exact: true, includeSearch: false }}>
          Search
        </Link>
        <Link to="/people/links">Link report</Link>
      </nav>
    </>
  );
}
