import { createContext, useContext } from 'react';
import { ApiError, request, type Credentials, type Page, type Workspace } from './api.ts';

/** Who looks, and at what. */
export interface Session {
  credentials: Credentials;
  workspace: Workspace;
  /** Those that the key may look at. */
  workspaces: Workspace[];
}

const STORED = 'jane-traits-session';

interface Stored {
  key: string;
  workspace: string | null;
}

/** Takes `#key=…` (and `&workspace=…`) out of the address, so that it is in no history, bookmark or screenshot. */
export function takeKeyFromAddress(): Stored | null {
  const fragment = new URLSearchParams(window.location.hash.replace(/^#\/?/, ''));
  const key = fragment.get('key');
  if (!key) return null;
  const workspace = fragment.get('workspace');
  window.history.replaceState(null, '', window.location.pathname + window.location.search);
  return { key, workspace };
}

export function readStored(): Stored | null {
  try {
    const text = window.sessionStorage.getItem(STORED);
    return text === null ? null : (JSON.parse(text) as Stored);
  } catch {
    return null;
  }
}

export function store(value: Stored | null): void {
  try {
    if (value === null) window.sessionStorage.removeItem(STORED);
    else window.sessionStorage.setItem(STORED, JSON.stringify(value));
  } catch {
    // Without storage the key lives as long as the page.
  }
}

export type Opening =
  | { kind: 'open'; session: Session }
  | { kind: 'choose'; key: string; workspaces: Workspace[] }
  | { kind: 'refused'; reason: string };

/** Finds out what a key may look at. A key of a workspace sees one workspace, an admin's key all of them. */
export async function openSession(key: string, wanted: string | null): Promise<Opening> {
  const trimmed = key.trim();
  if (!/^[\x21-\x7e]+$/.test(trimmed))
    return { kind: 'refused', reason: 'A key is one word of letters, digits and signs, without spaces.' };
  try {
    const { items } = await request<Page<Workspace>>(
      { key: trimmed, workspace: null },
      'GET',
      '/v1/workspaces?limit=1000',
    );
    const chosen = items.find((workspace) => workspace.id === wanted) ?? (items.length === 1 ? items[0] : undefined);
    if (!chosen) return { kind: 'choose', key: trimmed, workspaces: items };
    const credentials = { key: trimmed, workspace: chosen.id };
    return { kind: 'open', session: { credentials, workspace: chosen, workspaces: items } };
  } catch (error) {
    return { kind: 'refused', reason: explain(error) };
  }
}

function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return 'Something unexpected happened. Try again.';
  if (error.status === 401) return 'This key is not known here, or it was removed. Check that it was copied whole.';
  if (error.status === 403)
    return 'This key only sends data in. To look at it, use a read or write key of the workspace.';
  if (error.status === 0) return 'The API does not answer. Is the installation still running?';
  return `${error.status}: ${error.message}`;
}

export interface SessionActions {
  choose(workspace: string): void;
  leave(): void;
}

export const SessionContext = createContext<(Session & SessionActions) | null>(null);

export function useSession(): Session & SessionActions {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession outside of a session');
  return session;
}
