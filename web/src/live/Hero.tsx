import { IconDeviceMobileMessage, IconMail, IconRotateClockwise2 } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { ErrorState } from '../design/states.tsx';
import { Figure } from '../design/Figure.tsx';
import { useHeadline } from './data.ts';

/** The headline: people with an abandoned cart who can be won back now. */
export function Hero() {
  const { all, recovered } = useHeadline();
  if (all.error && !all.data)
    return (
      <section className="hero" aria-label="Abandoned carts">
        <ErrorState what="Cannot count abandoned carts" error={all.error} onRetry={() => void all.refetch()} />
      </section>
    );
  const total = all.data?.count ?? null;
  return (
    <section className="hero" aria-labelledby="hero-title" data-testid="hero">
      <h1 id="hero-title" className="hero-title">
        <Figure className="hero-figure" value={total} testId="abandoned-30-minutes" />
        <span className="hero-words">
          {total === 1 ? 'person' : 'people'} abandoned a cart <em>in the last 30 minutes</em>
        </span>
      </h1>
      <dl className="hero-parts">
        <Part
          icon={<IconDeviceMobileMessage size={18} />}
          label="reachable by SMS"
          of={total}
          value={all.data?.reachable.sms ?? null}
        />
        <Part
          icon={<IconMail size={18} />}
          label="reachable by email"
          of={total}
          value={all.data?.reachable.email ?? null}
        />
        <Part
          icon={<IconRotateClockwise2 size={18} />}
          label={recovered.data?.count === 1 ? 'of them has ordered since' : 'of them have ordered since'}
          of={total}
          value={recovered.data?.count ?? null}
        />
      </dl>
    </section>
  );
}

interface PartProps {
  icon: ReactNode;
  label: string;
  value: number | null;
  of: number | null;
}

function Part({ icon, label, value, of }: PartProps) {
  const share = value !== null && of ? Math.min(1, value / of) : 0;
  return (
    <div className="part">
      <dt>
        {icon}
        {label}
      </dt>
      <dd>
        <Figure value={value} />
        <span className="part-bar" aria-hidden="true">
          <span className="part-fill" style={{ transform: `scaleX(${share})` }} />
        </span>
      </dd>
    </div>
  );
}
