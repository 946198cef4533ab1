import { HttpProblem } from './problem.ts';

/** Roles of keys. `admin` belongs to the installation, the others to one workspace. */
export const ROLES = ['ingest', 'read', 'write', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** The caller as identified by its key; a workspace is never taken from a body. */
export interface Principal {
  role: Role;
  /** Null only for an admin key without X-Workspace. */
  workspace: string | null;
}

/**
 * The permission that a route requires: `ingest` to send events, `read` to query, `write` to change, `admin` for
 * workspaces and keys.
 */
export type Access = Role;

const MAY: Record<Access, readonly Role[]> = {
  ingest: ['ingest', 'write', 'admin'],
  read: ['read', 'write', 'admin'],
  write: ['write', 'admin'],
  admin: ['admin'],
};

export const may = (role: Role, access: Access): boolean => MAY[access].includes(role);

/** Throws 403 when the role of the key does not allow this. */
export function requireAccess(principal: Principal, access: Access): void {
  if (!may(principal.role, access)) {
    throw new HttpProblem(
      403,
      `a key with role ${principal.role} cannot do this; use one with role ${MAY[access].join(' or ')}`,
    );
  }
}

/** The workspace to act in. Throws 400 for an admin key without X-Workspace. */
export function requireWorkspace(principal: Principal): string {
  if (principal.workspace === null) {
    throw new HttpProblem(400, 'an admin key needs the header X-Workspace, which names the workspace to act in');
  }
  return principal.workspace;
}
