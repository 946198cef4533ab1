import { createHash, timingSafeEqual } from 'node:crypto';
import { HttpProblem, type Principal } from '../http/index.ts';
import type { Definitions } from './definitions.ts';

const KEY_PATTERN = /^jt_(ingest|read|write)_[A-Za-z0-9_-]{43}$/;
const CHALLENGE = { 'www-authenticate': 'Bearer' };

/**
 * The principal of a request with these headers. Throws HttpProblem: 401 without a key or with an unknown one; 403 when
 * X-Workspace names a workspace other than that of the key; 404 when an admin key names one that does not exist.
 */
export async function authenticate(
  definitions: Pick<Definitions, 'findKey' | 'findWorkspace'>,
  adminKey: string,
  headers: Headers,
): Promise<Principal> {
  const presented = bearerOf(headers.get('authorization'));
  if (presented === undefined) {
    throw new HttpProblem(401, 'send a key as Authorization: Bearer <key>', { headers: CHALLENGE });
  }
  const named = headers.get('x-workspace');
  if (sameSecret(presented, adminKey)) return { role: 'admin', workspace: await namedWorkspace(definitions, named) };
  // A text that cannot be a key must not cause a read of the topic.
  const key = KEY_PATTERN.test(presented) ? await definitions.findKey(presented) : undefined;
  if (!key) throw new HttpProblem(401, 'this key is unknown', { headers: CHALLENGE });
  if (named !== null && named !== key.workspace) {
    throw new HttpProblem(403, 'X-Workspace names a workspace other than that of the key');
  }
  return { role: key.role, workspace: key.workspace };
}

async function namedWorkspace(
  definitions: Pick<Definitions, 'findWorkspace'>,
  named: string | null,
): Promise<string | null> {
  if (named === null) return null;
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(named) || !(await definitions.findWorkspace(named))) {
    throw new HttpProblem(404, 'the workspace in X-Workspace does not exist');
  }
  return named;
}

/** The key in an Authorization header; undefined for anything else. */
export const bearerOf = (header: string | null | undefined): string | undefined =>
  /^Bearer +([^\s]+)\s*$/i.exec(header ?? '')?.[1];

const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
const sameSecret = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
