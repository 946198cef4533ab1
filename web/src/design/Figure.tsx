import { useEffect, useRef, useState } from 'react';
import { count } from './time.ts';

interface FigureProps {
  /** Null while unknown. */
  value: number | null;
  className?: string;
  testId?: string;
}

/** A number with digits of equal width that is highlighted briefly when it changes. */
export function Figure({ value, className = '', testId }: FigureProps) {
  const before = useRef(value);
  const [lit, setLit] = useState<'up' | 'down' | null>(null);
  useEffect(() => {
    const old = before.current;
    before.current = value;
    if (old === null || value === null || old === value) return;
    setLit(value > old ? 'up' : 'down');
    const timer = window.setTimeout(() => setLit(null), 1_200);
    return () => window.clearTimeout(timer);
  }, [value]);
  return (
    <span className={`figure ${className}`} data-lit={lit ?? undefined} data-testid={testId}>
      {value === null ? <span className="unknown" role="img" aria-label="unknown" /> : count(value)}
    </span>
  );
}
