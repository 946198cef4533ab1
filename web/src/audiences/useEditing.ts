import { useDebouncedValue } from '@mantine/hooks';
import type { UseQueryResult } from '@tanstack/react-query';
import { useCallback, useDeferredValue, useMemo, useRef, useState } from 'react';
import type { Audience } from '../../../lib/audiences/tree.ts';
import { ApiError, type Preview } from '../data/api.ts';
import { useCount, type Question } from './data.ts';
import { audienceOf, idAt, queryOf, type Group } from './model/query.ts';

/** Pause in typing after which a question is asked; the one before is aborted. */
const ASK_MS = 200;

export interface Editing {
  query: Group;
  setQuery(query: Group): void;
  /** The audience as edited, or the last complete state; null before there was one. */
  complete: Audience | null;
  /** The audience as it is at this moment, also while what follows from it is still behind; null if incomplete. */
  current(): Audience | null;
  /** Whether something is missing in the conditions as they are. */
  incomplete: boolean;
  /** Whether the audience differs from the one at the start. */
  changed: boolean;
  /** What is asked about: the settled state. Null while something is missing. */
  question: Question | null;
  preview: UseQueryResult<Preview>;
  /** Whether the answer on display belongs to an earlier state. */
  behind: boolean;
  /** What the API refuses, by the id of the condition or group. */
  refusals: ReadonlyMap<string, string>;
}

const NO_REFUSALS: ReadonlyMap<string, string> = new Map();

/**
 * The state of the builder and what follows from it. Everything but the builder itself works with a deferred value, so that
 * typing is never held up.
 */
export function useEditing(start: Audience, includeAnonymous: boolean): Editing {
  const [query, setState] = useState(() => queryOf(start));
  const settled = useDeferredValue(query);
  const exported = useMemo(() => audienceOf(settled), [settled]);
  const lastComplete = useRef<Audience | null>(null);
  if (exported.audience !== null) lastComplete.current = exported.audience;
  const asked = useMemo(
    (): Question | null => (exported.audience === null ? null : { audience: exported.audience, includeAnonymous }),
    [exported, includeAnonymous],
  );
  const [question] = useDebouncedValue(asked, ASK_MS);
  const preview = useCount(question);
  const refusals = useMemo(() => {
    const { error } = preview;
    if (!(error instanceof ApiError) || error.status !== 422) return NO_REFUSALS;
    return new Map(
      (error.problem.errors ?? []).flatMap(({ path, message }) => {
        const id = idAt(exported.idsByPath, path);
        return id === undefined ? [] : [[id, `${path.slice(path.lastIndexOf('/') + 1)} ${message}`] as const];
      }),
    );
  }, [preview, exported.idsByPath]);
  const startKey = useRef(JSON.stringify(audienceOf(query).audience));
  const changed = useMemo(() => JSON.stringify(exported.audience) !== startKey.current, [exported.audience]);
  const setQuery = useCallback((next: Group) => setState(next), []);
  return {
    query,
    setQuery,
    current: () => audienceOf(query).audience,
    complete: exported.audience ?? lastComplete.current,
    incomplete: exported.audience === null,
    changed,
    question,
    preview,
    behind: asked !== question || preview.isPlaceholderData || query !== settled,
    refusals,
  };
}
