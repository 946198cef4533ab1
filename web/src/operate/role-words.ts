/** The roles of keys, as docs/api.md defines them. */
import type { Key } from '../data/api.ts';

export type KeyRole = Key['role'];

export interface RoleWords {
  title: string;
  /** Who should have such a key. */
  for: string;
  /** What it may do. */
  may: string;
}

export const KEY_ROLES: Readonly<Record<KeyRole, RoleWords>> = {
  ingest: {
    title: 'Ingest',
    for: 'Programs that import events or records of people.',
    may: 'It sends to POST /v1/events and POST /v1/people, reads nothing and cannot open this console.',
  },
  read: {
    title: 'Read',
    for: 'People and programs that ask questions: analysts, dashboards.',
    may: 'It counts, explains and exports audiences, looks up people, runs and messages, and shows analytics and status. It changes nothing.',
  },
  write: {
    title: 'Write',
    for: 'People who build audiences and flows, and look after the subscriptions.',
    may: 'It does everything in this workspace except for settings and keys: it saves audiences, publishes flows, creates subscriptions, replays dead letters and erases people.',
  },
};

/** The admin key is in no list: it belongs to the installation. */
export const ADMIN_WORDS: RoleWords = {
  title: 'Admin',
  for: 'The people who run the installation.',
  may: 'It does everything in every workspace. Only an admin key manages workspaces, their settings and keys. It is ADMIN_KEY, else the file admin-key in DATA_DIR.',
};
