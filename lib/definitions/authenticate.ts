import { createHash, timingSafeEqual } from 'node:crypto';
import type { Principal } from '../http/index.ts';
import type { Definitions } from './definitions.ts';
import { OtherWorkspaceError, UnauthenticatedError, UnknownWorkspaceError } from './errors.ts';

const KEY_PATTERN = /^jt_(ingest|read|write)_[A-Za-z0-9_-]{43}$/;

/**
 * The principal of a request with these headers. Throws UnauthenticatedError without a key or with an unknown one;
 * OtherWorkspaceError when X-Workspace names a workspace other than that of the key; UnknownWorkspaceError when an admin
 * key names one that does not exist; and what `Definitions.fresh` throws.
 */
export async function authenticate(
  definitions: Pick<Definitions, 'findKey' | 'findWorkspace'>,
  adminKey: string,
  headers: Headers,
): Promise<Principal> {
  const presented = bearerOf(headers.get('authorization'));
  if (presented === undefined) {
    throw new UnauthenticatedError('send a key as Authorization: Bearer <key>');
  }
  const named = headers.get('x-workspace');
  if (sameSecret(presented, adminKey)) return { role: 'admin', workspace: await namedWorkspace(definitions, named) };
  // A text that cannot be a key must not cause a read of the topic.
  const key = KEY_PATTERN.test(presented) ? await definitions.findKey(presented) : undefined;
  if (!key) throw new UnauthenticatedError('this key is unknown');
  if (named !== null && named !== key.workspace) {
    throw new OtherWorkspaceError('X-Workspace names a workspace other than that of the key');
  }
  return { role: key.role, workspace: key.workspace };
}

async function namedWorkspace(
  definitions: Pick<Definitions, 'findWorkspace'>,
  named: string | null,
): Promise<string | null> {
  if (named === null) return null;
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(named) || !(await definitions.findWorkspace(named))) {
    throw new UnknownWorkspaceError('the workspace in X-Workspace does not exist');
  }
  return named;
}

/** The key in an Authorization header; undefined for anything else. */
export const bearerOf = (header: string | null | undefined): string | undefined =>
  /^Bearer +([^\s]+)\s*$/i.exec(header ?? '')?.[1];

const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
const sameSecret = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
