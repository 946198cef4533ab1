import { useQueryClient } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { openSession, readStored, SessionContext, store, takeKeyFromAddress, type Opening } from './session.ts';
import { areaOf } from './navigation.ts';
import { router } from './router.ts';

const KeyDialogue = lazy(() =>
  import('./KeyDialogue.tsx').then(({ KeyDialogue: component }) => ({ default: component })),
);

type State = Opening | { kind: 'opening' } | { kind: 'asking' };

/** Shows the key dialogue until a session is open. */
export function App() {
  const [state, setState] = useState<State>({ kind: 'opening' });
  const queries = useQueryClient();
  const asked = useRef(false);

  const open = useCallback(
    async (key: string, workspace: string | null) => {
      setState({ kind: 'opening' });
      queries.clear();
      const opening = await openSession(key, workspace);
      store(opening.kind === 'open' ? { key: key.trim(), workspace: opening.session.workspace.id } : null);
      setState(opening);
    },
    [queries],
  );

  useEffect(() => {
    const enter = (): void => {
      const given = takeKeyFromAddress() ?? readStored();
      if (given) void open(given.key, given.workspace);
      else setState((now) => (now.kind === 'opening' ? { kind: 'asking' } : now));
    };
    enter();
    const onHash = (): void => {
      if (/[#&]key=/.test(window.location.hash)) enter();
    };
    window.addEventListener('hashchange', onHash);
    return () => window.removeEventListener('hashchange', onHash);
  }, [open]);

  const session = state.kind === 'open' ? state.session : null;
  const context = useMemo(() => {
    if (!session) return null;
    const { key, workspace } = session;
    return {
      ...session,
      refresh: () =>
        void openSession(key, workspace.id).then((opening) => {
          if (opening.kind === 'open') setState(opening);
        }),
      choose: (wanted: string) => {
        // What is on display belongs to the other workspace; only the area stays.
        void router.navigate({ to: areaOf(router.state.location.pathname) });
        void open(key, wanted);
      },
      leave: () => {
        store(null);
        queries.clear();
        setState({ kind: 'asking' });
      },
    };
  }, [session, open, queries]);

  if (!context) {
    // A key from the address or the tab usually opens a session at once: no dialogue flashes by.
    if (state.kind === 'opening' && !asked.current) return null;
    asked.current = true;
    return (
      <Suspense fallback={null}>
        <KeyDialogue
          busy={state.kind === 'opening'}
          refusal={state.kind === 'refused' ? state.reason : null}
          choice={state.kind === 'choose' ? state : null}
          onOpen={(key, workspace) => void open(key, workspace)}
          onOtherKey={() => setState({ kind: 'asking' })}
        />
      </Suspense>
    );
  }
  return (
    <SessionContext.Provider value={context}>
      <RouterProvider router={router} key={context.workspace.id} />
    </SessionContext.Provider>
  );
}
