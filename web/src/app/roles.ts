/** What a key may do. Roles of keys: `read`, `write` and `admin`; ingest keys cannot open the console. */
import { useSession } from './session.ts';

export type Role = 'read' | 'write' | 'admin';

const RANK: Record<Role, number> = { read: 0, write: 1, admin: 2 };

export const ROLE_WORDS: Record<Role, string> = { read: 'Read key', write: 'Write key', admin: 'Admin key' };

/** Keys made by the API carry their role; the first admin key has any form. */
export function roleOf(key: string): Role {
  if (key.startsWith('jt_read_')) return 'read';
  return key.startsWith('jt_write_') ? 'write' : 'admin';
}

/** Null if the role suffices, else why not, as a sentence for the reader. */
export function refusalOf(role: Role, needs: Role): string | null {
  if (RANK[role] >= RANK[needs]) return null;
  if (needs === 'admin') return 'This needs an admin key.';
  return 'This key can only read. Use a write key of the workspace or an admin key.';
}

/** Why the current key may not do something that needs a role; null if it may. */
export function useRefusal(needs: Role): string | null {
  return refusalOf(useSession().role, needs);
}
