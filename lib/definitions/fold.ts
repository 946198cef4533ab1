import type { Definition } from '../../schemas/types.ts';
import type { Bodies, EntityKind, Folded, Meta } from './entities.ts';

interface Slot {
  version: number;
  /** Undefined once deleted: its id remains reserved, so that a late write cannot hit a new entity with the same id. */
  value: (Meta & Bodies[EntityKind]) | undefined;
}

/** What a record did: a refused one changes nothing, at every reader alike. */
export type FoldResult = 'accepted' | 'refused';

/**
 * The definitions as all readers fold them, a pure function of the records in their order. A record is
 * accepted when its expected version is the entity's (0: does not exist); of two concurrent writes the
 * first in the log wins and the other is refused.
 */
export class DefinitionsFold {
  private readonly slots = new Map<string, Slot>();
  private readonly byKind = new Map<EntityKind, Map<string, Meta & Bodies[EntityKind]>>();
  private readonly keysByHash = new Map<string, Folded<'key'>>();

  apply(record: Definition): FoldResult {
    const name = `${record.entity}:${record.id}`;
    const slot = this.slots.get(name);
    const version = slot?.version ?? 0;
    if (record.expected_version !== version) return 'refused';
    if (slot && (slot.value === undefined || slot.value.workspace !== record.workspace)) return 'refused';
    if (!slot && record.deleted) return 'refused';
    const body = record.deleted ? undefined : parseBody(record.body);
    if (!record.deleted && !body) return 'refused';
    const value = body && {
      ...(body as unknown as Bodies[EntityKind]),
      id: record.id,
      workspace: record.workspace,
      version: version + 1,
      createdAt: slot?.value?.createdAt ?? record.at,
      updatedAt: record.at,
    };
    this.index(record.entity, slot?.value, value);
    this.slots.set(name, { version: version + 1, value });
    return 'accepted';
  }

  get<K extends EntityKind>(kind: K, id: string): Folded<K> | undefined {
    return this.byKind.get(kind)?.get(id) as Folded<K> | undefined;
  }

  list<K extends EntityKind>(kind: K): Folded<K>[] {
    return [...(this.byKind.get(kind)?.values() ?? [])] as Folded<K>[];
  }

  /** The version that the next write has to expect; 0 if it does not exist, undefined once deleted. */
  versionOf(kind: EntityKind, id: string): number | undefined {
    const slot = this.slots.get(`${kind}:${id}`);
    return slot && !slot.value ? undefined : (slot?.version ?? 0);
  }

  keyByHash(hash: string): Folded<'key'> | undefined {
    return this.keysByHash.get(hash);
  }

  private index(kind: EntityKind, before: Slot['value'], after: Slot['value']): void {
    const ofKind = this.byKind.get(kind) ?? new Map<string, Meta & Bodies[EntityKind]>();
    this.byKind.set(kind, ofKind);
    if (before) {
      ofKind.delete(before.id);
      if (kind === 'key') this.keysByHash.delete((before as Folded<'key'>).hash);
    }
    if (after) {
      ofKind.set(after.id, after);
      if (kind === 'key') this.keysByHash.set((after as Folded<'key'>).hash, after as Folded<'key'>);
    }
  }
}

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
