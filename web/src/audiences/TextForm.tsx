import { Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import type { Audience } from '../../../lib/audiences/tree.ts';
import { useSession } from '../app/session.ts';
import { ApiError } from '../data/api.ts';
import { remedyFor } from '../design/states.tsx';
import { parseText } from './data.ts';
import { renderText } from './model/text.ts';

interface TextFormProps {
  /** The last complete state of the builder. */
  audience: Audience | null;
  onChange(audience: Audience): void;
}

interface TextError {
  message: string;
  position: number | null;
  expected: string[];
}

const PARSE_MS = 250;

/** The audience as text. What is typed here changes the builder, and the other way round. */
export function TextForm({ audience, onChange }: TextFormProps) {
  const { api } = useSession();
  const canonical = audience === null ? '' : renderText(audience);
  const [text, setText] = useState(canonical);
  const [error, setError] = useState<TextError | null>(null);
  /** The text that the audience on display was parsed from, and its canonical form. */
  const parsed = useRef({ typed: canonical, canonical });
  const [typed] = useDebouncedValue(text, PARSE_MS);

  // The builder was changed elsewhere, as by undo.
  useEffect(() => {
    if (canonical === parsed.current.canonical) return;
    parsed.current = { typed: canonical, canonical };
    setText(canonical);
    setError(null);
  }, [canonical]);

  useEffect(() => {
    if (typed === parsed.current.typed) {
      // Corrected by typing what was there before.
      setError(null);
      return;
    }
    const abort = new AbortController();
    parseText(api, typed, abort.signal)
      .then((next) => {
        parsed.current = { typed, canonical: renderText(next) };
        setError(null);
        onChange(next);
      })
      .catch((failure: unknown) => {
        if (!abort.signal.aborted) setError(textError(failure));
      });
    return () => abort.abort();
  }, [typed, api, onChange]);

  return (
    <div className="text-form">
      <Textarea
        label="Text form"
        description={
          <>
            For example:{' '}
            <code>
              cart_abandoned not recovered in last 30 minutes and not cart_status_updated = finished on 2026-03-17
            </code>
          </>
        }
        classNames={{ input: 'mono' }}
        autosize
        minRows={6}
        maxRows={24}
        spellCheck={false}
        value={text}
        error={error !== null}
        onChange={(event) => setText(event.currentTarget.value)}
        data-testid="text"
      />
      {error && (
        <div className="text-error" role="alert">
          <strong>{error.message}</strong>
          {error.position !== null && <Excerpt text={typed} position={error.position} />}
          {error.expected.length > 0 && <p className="fine">Possible here: {error.expected.join(', ')}</p>}
        </div>
      )}
    </div>
  );
}

function textError(failure: unknown): TextError {
  const first = failure instanceof ApiError ? failure.problem.errors?.[0] : undefined;
  if (!first) return { message: remedyFor(failure), position: null, expected: [] };
  // What is expected is listed below the excerpt.
  const message = first.message.replace(/; expected .*$/s, '');
  return { message, position: first.position ?? null, expected: first.expected ?? [] };
}

/** The place of an error: a little of the text, marked where it is wrong. */
function Excerpt({ text, position }: { text: string; position: number }) {
  const before = text.slice(Math.max(0, position - 30), position);
  const after = text.slice(position, position + 30);
  return (
    <pre className="excerpt">
      {before}
      <mark>{after === '' ? '…' : after.slice(0, 1)}</mark>
      {after.slice(1)}
    </pre>
  );
}
