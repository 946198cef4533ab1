import { Link } from '@tanstack/react-router';
import { IconChevronLeft } from '@tabler/icons-react';
import { useEffect, type ReactNode } from 'react';

interface PageHeaderProps {
  title: string;
  /** One sentence: what the page is for. */
  children?: ReactNode;
  /** Beside the title, such as a badge. */
  beside?: ReactNode;
  /** Buttons, the primary one last. */
  actions?: ReactNode;
  /** The page above this one. */
  back?: { to: string; title: string };
}

/** The head of every page. It also names the tab. */
export function PageHeader({ title, children, beside, actions, back }: PageHeaderProps) {
  useEffect(() => {
    document.title = `${title} · Jane Traits`;
  }, [title]);
  return (
    <header className="page-header">
      {back && (
        <Link className="page-back" to={back.to}>
          <IconChevronLeft size={14} aria-hidden />
          {back.title}
        </Link>
      )}
      <div className="page-title">
        <h1>{title}</h1>
        {beside}
      </div>
      {actions !== undefined && <div className="page-actions">{actions}</div>}
      {children !== undefined && <p className="page-purpose">{children}</p>}
    </header>
  );
}
