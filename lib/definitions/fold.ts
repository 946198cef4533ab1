import type { Definition } from '../../schemas/types.ts';
import type { Bodies, EntityKind, Folded, Meta } from './entities.ts';

interface Entry {
  state: EntityState;
  /** Undefined once deleted. */
  value: (Meta & Bodies[EntityKind]) | undefined;
}

/** The maximum number of live audiences in one workspace. */
export const LIVE_AUDIENCES_MAX = 200;

/**
 * The effect of a record. A record that is not accepted changes nothing, in the same way for all readers. `full`: it
 * would make more than LIVE_AUDIENCES_MAX audiences of its workspace live.
 */
export type FoldResult = 'accepted' | 'refused' | 'full';

/** What decides whether the next record of an entity is accepted. */
export interface EntityState {
  version: number;
  workspace: string;
  /** The id of a deleted entity is never reused, so that a late write cannot change another entity. */
  deleted: boolean;
}

/**
 * The rule that all readers share: the state of an entity after `record`, with the new body (undefined after a deletion);
 * undefined when the record is refused. `before` is undefined for an entity that never existed.
 */
export function acceptRecord(
  before: EntityState | undefined,
  record: Definition,
): { state: EntityState; body: Record<string, unknown> | undefined } | undefined {
  const { expected_version, workspace, deleted } = record;
  const version = before?.version ?? 0;
  if (expected_version !== version) return undefined;
  if (before && (before.deleted || before.workspace !== workspace)) return undefined;
  if (!before && deleted) return undefined;
  const body = deleted ? undefined : parseBody(record.body);
  if (!deleted && !body) return undefined;
  return { state: { version: version + 1, workspace, deleted }, body };
}

export interface DefinitionsFoldOptions {
  /** Kinds of which every version is kept, not only the current one. None when left out. */
  versionsOf?: readonly EntityKind[];
}

/**
 * The definitions, a pure function of the records in their order, so that all readers agree. A record is accepted when its
 * expected version is the entity's current one (0: does not exist); of two concurrent writes the first in the log is
 * accepted and the other is refused. So are concurrent writes that together would make too many audiences live.
 */
export class DefinitionsFold {
  private readonly entries = new Map<string, Entry>();
  private readonly byKind = new Map<EntityKind, Map<string, Meta & Bodies[EntityKind]>>();
  private readonly keysByHash = new Map<string, Folded<'key'>>();
  /** Number of live audiences by workspace. */
  private readonly liveAudiences = new Map<string, number>();
  /** The record of each version of entities of the kinds in `versionsOf`, by `kind:id`, oldest first. A deleted entity has none. */
  private readonly records = new Map<string, Definition[]>();

  constructor(private readonly options: DefinitionsFoldOptions = {}) {}

  apply(record: Definition): FoldResult {
    const name = `${record.entity}:${record.id}`;
    const entry = this.entries.get(name);
    const accepted = acceptRecord(entry?.state, record);
    if (accepted === undefined) return 'refused';
    const { state, body } = accepted;
    if (this.wouldExceed(record.entity, record.id, record.workspace, body)) return 'full';
    const value = body && {
      ...(body as unknown as Bodies[EntityKind]),
      id: record.id,
      workspace: record.workspace,
      version: state.version,
      createdAt: entry?.value?.createdAt ?? record.at,
      updatedAt: record.at,
    };
    this.index(record.entity, entry?.value, value);
    this.entries.set(name, { state, value });
    if (this.options.versionsOf?.includes(record.entity) === true) this.keepRecord(name, record);
    return 'accepted';
  }

  /** Whether this body would make more audiences of the workspace live than there can be. */
  wouldExceed(kind: EntityKind, id: string, workspace: string, body: object | null | undefined): boolean {
    const becomesLive = kind === 'audience' && isLive(body) && !isLive(this.get('audience', id));
    return becomesLive && (this.liveAudiences.get(workspace) ?? 0) >= LIVE_AUDIENCES_MAX;
  }

  /**
   * All versions of an entity, newest first, each as it was shown then: with its own `version` and `updatedAt`. Empty for
   * an entity that does not exist, and for kinds that are not in `versionsOf`.
   */
  versions<K extends EntityKind>(kind: K, id: string): Folded<K>[] {
    const records = this.records.get(`${kind}:${id}`) ?? [];
    return records.map((_, i) => this.versionAt<K>(records, i)).reverse();
  }

  /** One version of an entity; undefined where `versions` has none with this number. */
  version<K extends EntityKind>(kind: K, id: string, version: number): Folded<K> | undefined {
    const records = this.records.get(`${kind}:${id}`) ?? [];
    return records[version - 1] && this.versionAt<K>(records, version - 1);
  }

  private versionAt<K extends EntityKind>(records: readonly Definition[], index: number): Folded<K> {
    const record = records[index]!;
    return {
      ...(JSON.parse(record.body) as Bodies[K]),
      id: record.id,
      workspace: record.workspace,
      version: index + 1,
      createdAt: records[0]!.at,
      updatedAt: record.at,
    };
  }

  /** The record with its text is kept, which takes less memory than the parsed value. */
  private keepRecord(name: string, record: Definition): void {
    const records = this.records.get(name);
    if (record.deleted) this.records.delete(name);
    else if (records) records.push(record);
    else this.records.set(name, [record]);
  }

  get<K extends EntityKind>(kind: K, id: string): Folded<K> | undefined {
    return this.byKind.get(kind)?.get(id) as Folded<K> | undefined;
  }

  list<K extends EntityKind>(kind: K): Folded<K>[] {
    return [...(this.byKind.get(kind)?.values() ?? [])] as unknown as Folded<K>[];
  }

  /** The version that the next write must expect: 0 when the entity does not exist, undefined once it was deleted. */
  versionOf(kind: EntityKind, id: string): number | undefined {
    const state = this.entries.get(`${kind}:${id}`)?.state;
    return state?.deleted === true ? undefined : (state?.version ?? 0);
  }

  keyByHash(hash: string): Folded<'key'> | undefined {
    return this.keysByHash.get(hash);
  }

  private index(kind: EntityKind, before: Entry['value'], after: Entry['value']): void {
    const ofKind = this.byKind.get(kind) ?? new Map<string, Meta & Bodies[EntityKind]>();
    this.byKind.set(kind, ofKind);
    if (kind === 'audience')
      this.countLive((before ?? after)?.workspace, Number(isLive(after)) - Number(isLive(before)));
    if (before) {
      ofKind.delete(before.id);
      if (kind === 'key') this.keysByHash.delete((before as Folded<'key'>).hash);
    }
    if (after) {
      ofKind.set(after.id, after);
      if (kind === 'key') this.keysByHash.set((after as Folded<'key'>).hash, after as Folded<'key'>);
    }
  }

  private countLive(workspace: string | undefined, by: number): void {
    if (workspace === undefined || by === 0) return;
    this.liveAudiences.set(workspace, (this.liveAudiences.get(workspace) ?? 0) + by);
  }
}

const isLive = (audience: object | null | undefined): boolean =>
  audience !== null && audience !== undefined && 'live' in audience && audience.live === true;

function parseBody(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
