import { HttpProblem } from './problem.ts';

/** What a key is for. `admin` belongs to the installation, the others to one workspace. */
export const ROLES = ['ingest', 'read', 'write', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Who asks, as the credential says: the workspace never comes from a body. */
export interface Principal {
  role: Role;
  /** Null only of an admin key that names none. */
  workspace: string | null;
}

/** What a route asks for: `ingest` to send, `read` to look, `write` to change, `admin` for workspaces and keys. */
export type Access = Role;

const MAY: Record<Access, readonly Role[]> = {
  ingest: ['ingest', 'write', 'admin'],
  read: ['read', 'write', 'admin'],
  write: ['write', 'admin'],
  admin: ['admin'],
};

export const may = (role: Role, access: Access): boolean => MAY[access].includes(role);

/** Throws 403 when the role of the key is too small. */
export function requireAccess(principal: Principal, access: Access): void {
  if (!may(principal.role, access)) {
    throw new HttpProblem(403, `a key of role ${principal.role} may not do this: it takes ${MAY[access].join(' or ')}`);
  }
}

/** The workspace to act in; throws 400 for an admin key without X-Workspace. */
export function requireWorkspace(principal: Principal): string {
  if (principal.workspace === null) {
    throw new HttpProblem(400, 'an admin key names the workspace to act in with the header X-Workspace');
  }
  return principal.workspace;
}
