import type { ReactNode } from 'react';
import { Figure } from './Figure.tsx';

interface StatTileProps {
  label: ReactNode;
  /** A number is grouped and highlighted when it changes; null while unknown. */
  value: number | string | null;
  /** What the number means, or what it is compared with. */
  hint?: ReactNode;
  size?: 'normal' | 'large';
  testId?: string;
}

/** One number with its name. */
export function StatTile({ label, value, hint, size = 'normal', testId }: StatTileProps) {
  return (
    <div className="stat" data-size={size}>
      <span className="stat-label">{label}</span>
      {typeof value === 'string' ? (
        <span className="stat-value" data-testid={testId}>
          {value}
        </span>
      ) : (
        <Figure className="stat-value" value={value} {...(testId === undefined ? {} : { testId })} />
      )}
      {hint !== undefined && <span className="stat-hint">{hint}</span>}
    </div>
  );
}
