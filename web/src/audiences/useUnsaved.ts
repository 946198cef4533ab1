import { useBlocker } from '@tanstack/react-router';
import { useRef } from 'react';

/** Asks before the page is left with unsaved changes. Returns a function that allows leaving once they are saved. */
export function useUnsaved(unsaved: boolean): () => void {
  const allowed = useRef(false);
  useBlocker({
    shouldBlockFn: ({ current, next }) =>
      unsaved &&
      !allowed.current &&
      current.pathname !== next.pathname &&
      !window.confirm('This audience has changes that are not saved. Leave it anyway?'),
    enableBeforeUnload: () => unsaved && !allowed.current,
  });
  return () => {
    allowed.current = true;
  };
}
