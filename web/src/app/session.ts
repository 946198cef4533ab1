import { createContext, useContext } from 'react';
import { roleOf, type Role } from './roles.ts';
import { ApiError, apiWith, bodyOf, PAGE_MAX, type ApiClient, type Workspace } from '../data/api.ts';

/** The key in use and the workspace on display. */
export interface Session {
  key: string;
  role: Role;
  /** The API with this key, in this workspace. */
  api: ApiClient;
  workspace: Workspace;
  /** All workspaces that the key can read. */
  workspaces: Workspace[];
}

const STORED = 'jane-traits-session';

interface Stored {
  key: string;
  workspace: string | null;
}

/** Removes `#key=…` (and `&workspace=…`) from the address, so that no history, bookmark or screenshot holds it. */
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
    // Without storage the key is kept only as long as the page.
  }
}

export type Opening =
  | { kind: 'open'; session: Session }
  | { kind: 'choose'; key: string; workspaces: Workspace[] }
  | { kind: 'refused'; reason: string };

/** Finds the workspaces of a key: one for a workspace key, all of them for an admin key. */
export async function openSession(key: string, wanted: string | null): Promise<Opening> {
  const trimmed = key.trim();
  if (!/^[\x21-\x7e]+$/.test(trimmed))
    return { kind: 'refused', reason: 'A key consists of letters, digits and punctuation, without spaces.' };
  try {
    const api = apiWith({ key: trimmed, workspace: null });
    const { items } = await bodyOf(api.GET('/v1/workspaces', { params: { query: { limit: PAGE_MAX } } }));
    const chosen = items.find((workspace) => workspace.id === wanted) ?? (items.length === 1 ? items[0] : undefined);
    if (!chosen) return { kind: 'choose', key: trimmed, workspaces: items };
    const session = {
      key: trimmed,
      role: roleOf(trimmed),
      api: apiWith({ key: trimmed, workspace: chosen.id }),
      workspace: chosen,
      workspaces: items,
    };
    return { kind: 'open', session };
  } catch (error) {
    return { kind: 'refused', reason: explain(error) };
  }
}

function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return 'An unexpected error occurred. Try again.';
  if (error.status === 401) return 'This key is unknown or was deleted. Check that you copied all of it.';
  if (error.status === 403) return 'This key can only send data. Use a read or write key of the workspace.';
  if (error.status === 0) return 'The API does not answer. Check that the installation is running.';
  return `${error.status}: ${error.message}`;
}

export interface SessionActions {
  /** Reads the workspaces again, after a change of one; what is on display stays. */
  refresh(): void;
  choose(workspace: string): void;
  leave(): void;
}

export const SessionContext = createContext<(Session & SessionActions) | null>(null);

export function useSession(): Session & SessionActions {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession outside of a session');
  return session;
}
