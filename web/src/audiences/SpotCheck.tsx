import { IconCheck, IconX } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { memo } from 'react';
import { usePersonName } from '../data/person-name.ts';
import { FindPerson } from '../design/FindPerson.tsx';
import { ErrorState, LoadingState, Notice } from '../design/states.tsx';
import { useExplanation, type Question } from './data.ts';
import { ExplanationTree } from './ExplanationTree.tsx';

interface SpotCheckProps {
  question: Question | null;
  /** The person on display; null for none. */
  personId: string | null;
  onPerson(personId: string | null): void;
}

/** Whether one person is in the audience, and why. */
export const SpotCheck = memo(function SpotCheck({ question, personId, onPerson }: SpotCheckProps) {
  return (
    <section className="panel spot" aria-labelledby="spot-title">
      <header className="panel-head">
        <div>
          <h2 id="spot-title">Spot check</h2>
          <p className="fine">Is one person in this audience, and why?</p>
        </div>
      </header>
      <FindPerson action="Check" personId={personId} onPerson={onPerson} />
      {personId !== null && <Verdict question={question} personId={personId} />}
    </section>
  );
});

function Verdict({ question, personId }: { question: Question | null; personId: string }) {
  const explanation = useExplanation(question, personId);
  const name = usePersonName(personId);
  if (question === null) return <Notice title="Complete the marked conditions first" />;
  if (explanation.error)
    return (
      <ErrorState
        what="Cannot explain this person"
        error={explanation.error}
        onRetry={() => void explanation.refetch()}
      />
    );
  if (!explanation.data) return <LoadingState lines={4} what="Looking at this person" />;
  const { matches, in_universe, node } = explanation.data;
  return (
    <div
      className="verdict"
      data-testid="verdict"
      data-stale={explanation.isPlaceholderData || undefined}
      aria-live="polite"
    >
      <p className="verdict-line" data-matches={matches}>
        {matches ? <IconCheck size={18} aria-hidden /> : <IconX size={18} aria-hidden />}
        <span>
          <Link to="/people/$id" params={{ id: personId }}>
            {name}
          </Link>{' '}
          is <strong>{matches ? 'in' : 'not in'}</strong> this audience.
        </span>
      </p>
      {!in_universe && (
        <p className="fine">
          This person is anonymous: no usable phone, email or id is known. The audience leaves anonymous people out.
        </p>
      )}
      {node && <ExplanationTree node={node} />}
    </div>
  );
}
