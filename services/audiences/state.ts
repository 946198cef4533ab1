import { DueIndex } from '../../lib/streams/due-index.ts';
import { ScannableStore } from '../../lib/streams/scannable-store.ts';
import { MemoryStore } from '../../lib/streams/state-store.ts';
import type { AudienceChange } from '../../schemas/types.ts';
import type { KnownAudience, LiveDefinition } from './definition.ts';
import { decodeSlots, encodeSlots, visitSlots, type Slot } from './slots.ts';
import type { Cause } from './touch.ts';

/** What an evaluation has changed and is not committed yet. */
export interface Effects {
  changes: AudienceChange[];
  /** The new entries of the state by key; null: deleted. */
  entries: Map<string, Buffer | null>;
}

export interface PersonRef {
  workspace: string;
  personId: number;
}

/** A larger transaction might outlast the broker's time limit. */
const MAX_EFFECTS = 20_000;
const MAX_BYTES = 8 << 20;

/*
 * Keys of the state: `n` (the next audience's number), `a:<audience>` (JSON of a KnownAudience), `p:<workspace>:<person>`
 * (slots).
 */
const NEXT_NUMBER = 'n';
const AUDIENCE = 'a:';
const PERSON = 'p:';

/** All entries of people of a workspace begin with it: no id of a workspace contains a colon. */
const peoplePrefix = (workspace: string): string => `${PERSON}${workspace}:`;

const personKey = (workspace: string, personId: number): string => `${peoplePrefix(workspace)}${personId}`;

function personOf(key: string): PersonRef {
  const colon = key.lastIndexOf(':');
  return { workspace: key.slice(PERSON.length, colon), personId: Number(key.slice(colon + 1)) };
}

/**
 * The live audiences of one partition: their definitions, who is in them, and when time alone may change that. Every
 * write is an effect that `takeEffects` returns once.
 */
export class AudienceState {
  private readonly people = new ScannableStore(new MemoryStore(), [PERSON]);
  private readonly due = new DueIndex();
  private readonly audiences = new Map<string, KnownAudience>();
  private readonly byNumber = new Map<number, KnownAudience>();
  /** Live ones by workspace. */
  private live = new Map<string, KnownAudience[]>();
  private readonly sizes = new Map<number, number>();
  private nextNumber = 0;
  private changes: AudienceChange[] = [];
  private entries = new Map<string, Buffer | null>();
  private bytes = 0;

  /** @param effectsMax in one transaction */
  constructor(private readonly effectsMax = MAX_EFFECTS) {}

  /** Takes an entry of the changelog. Throws an Error for one that cannot be read. */
  restore(key: string, value: Buffer | null): void {
    if (key === NEXT_NUMBER) this.nextNumber = value === null ? 0 : value.readUInt32BE(0);
    else if (key.startsWith(AUDIENCE)) this.restoreAudience(key.slice(AUDIENCE.length), value);
    else if (!key.startsWith(PERSON)) throw new Error('an entry of unknown kind');
    else if (value === null) this.people.delete(key);
    else {
      visitSlots(value, () => undefined);
      this.people.put(key, value);
    }
  }

  private restoreAudience(id: string, value: Buffer | null): void {
    if (value === null) this.audiences.delete(id);
    else this.audiences.set(id, JSON.parse(value.toString('utf8')) as KnownAudience);
  }

  /** All entries are there: derives what is not stored. */
  restored(): void {
    for (const audience of this.audiences.values()) this.byNumber.set(audience.number, audience);
    this.indexLive();
    for (const [key, value] of this.people.entries()) {
      visitSlots(value, (audience, member) => {
        if (member) this.count(audience, 1);
      });
      this.due.set(key, this.dueOf(value));
    }
  }

  /** Audiences that were live at some time and are not deleted. */
  known(): KnownAudience[] {
    return [...this.audiences.values()];
  }

  liveIn(workspace: string): readonly KnownAudience[] {
    return this.live.get(workspace) ?? [];
  }

  private indexLive(): void {
    this.live = new Map();
    for (const audience of this.audiences.values()) {
      if (!audience.live) continue;
      const others = this.live.get(audience.workspace);
      if (others === undefined) this.live.set(audience.workspace, [audience]);
      else others.push(audience);
    }
  }

  byNumberOf(number: number): KnownAudience | undefined {
    return this.byNumber.get(number);
  }

  sizeOf(audience: KnownAudience): number {
    return this.sizes.get(audience.number) ?? 0;
  }

  /** Number of people with an entry. */
  get entryCount(): number {
    return this.people.size;
  }

  /** Unix ms. */
  get earliestDueMs(): number | undefined {
    return this.due.first()?.dueMs;
  }

  /** The people for whom time alone may have changed something by `nowMs`, at most `max`. Evaluate them. */
  takeDue(nowMs: number, max: number): PersonRef[] {
    return this.due.take(nowMs, max).map(personOf);
  }

  /** Slots of audiences that exist. */
  slotsOf(workspace: string, personId: number): Slot[] {
    const value = this.people.get(personKey(workspace, personId));
    if (value === undefined) return [];
    return decodeSlots(value).filter(({ audience }) => this.byNumber.has(audience));
  }

  /**
   * Everybody in the workspace, and null for each of the others, so that the caller may pause. Entries may be written
   * meanwhile; somebody may then occur twice.
   */
  *peopleIn(workspace: string): Generator<{ personId: number; slots: Buffer } | null> {
    const prefix = peoplePrefix(workspace);
    for (const [key, slots] of this.people.entries()) {
      yield key.startsWith(prefix) ? { personId: Number(key.slice(prefix.length)), slots } : null;
    }
  }

  /** Replaces the slots of a person; equal ones are no effect. Times of the audiences `asleep` do not wake the person. */
  putSlots(workspace: string, personId: number, slots: readonly Slot[], asleep?: ReadonlySet<number>): void {
    const key = personKey(workspace, personId);
    const before = this.people.get(key);
    if (slots.length === 0) {
      this.due.set(key, undefined);
      if (before === undefined) return;
      this.people.delete(key);
      this.write(key, null);
      return;
    }
    const value = encodeSlots(slots);
    this.due.set(key, this.dueOf(value, asleep));
    if (before?.equals(value) === true) return;
    this.people.put(key, value);
    this.write(key, value);
  }

  /** Reports that a person entered or left. The caller also puts the slots. */
  move(audience: KnownAudience, personId: number, entered: boolean, cause: Cause, nowMs: number): void {
    const size = this.count(audience.number, entered ? 1 : -1);
    this.changes.push({
      workspace: audience.workspace,
      audience_id: audience.id,
      version: audience.version,
      person_id: personId,
      change: entered ? 'entered' : 'left',
      at: nowMs,
      cause,
      size,
    });
  }

  /** From now on the audience is evaluated by this definition. */
  define(definition: LiveDefinition, complete: boolean): KnownAudience {
    let number = this.audiences.get(definition.id)?.number;
    if (number === undefined) {
      number = this.nextNumber++;
      const next = Buffer.alloc(4);
      next.writeUInt32BE(this.nextNumber);
      this.write(NEXT_NUMBER, next);
    }
    const { id, workspace, version, audience, includeAnonymous, zone } = definition;
    return this.putAudience({ id, workspace, version, audience, includeAnonymous, zone, number, live: true, complete });
  }

  /** Everybody must be evaluated again. */
  setIncomplete(audience: KnownAudience): void {
    if (audience.complete) this.putAudience({ ...audience, complete: false });
  }

  /** Their feeds end where they are; the members are kept. */
  switchOff(audiences: readonly KnownAudience[]): void {
    for (const audience of audiences) this.putAudience({ ...audience, live: false });
    this.refreshDue(audiences);
  }

  /** The audiences were deleted. Their slots go when their people are written next. */
  remove(audiences: readonly KnownAudience[]): void {
    for (const { id, number } of audiences) {
      this.audiences.delete(id);
      this.byNumber.delete(number);
      this.sizes.delete(number);
      this.write(AUDIENCE + id, null);
    }
    this.indexLive();
    this.refreshDue(audiences);
  }

  /** Whether the effects fill a transaction. */
  isFull(): boolean {
    return this.effectCount >= this.effectsMax || this.bytes >= MAX_BYTES;
  }

  hasEffects(): boolean {
    return this.effectCount > 0;
  }

  /** Changes and entries. */
  get effectCount(): number {
    return this.changes.length + this.entries.size;
  }

  takeEffects(): Effects {
    const { changes, entries } = this;
    this.changes = [];
    this.entries = new Map();
    this.bytes = 0;
    return { changes, entries };
  }

  private putAudience(audience: KnownAudience): KnownAudience {
    this.audiences.set(audience.id, audience);
    this.byNumber.set(audience.number, audience);
    this.indexLive();
    this.write(AUDIENCE + audience.id, Buffer.from(JSON.stringify(audience), 'utf8'));
    return audience;
  }

  private write(key: string, value: Buffer | null): void {
    this.entries.set(key, value);
    this.bytes += key.length + (value?.length ?? 0);
  }

  private count(audience: number, by: number): number {
    const size = (this.sizes.get(audience) ?? 0) + by;
    this.sizes.set(audience, size);
    return size;
  }

  /** From the slots of a person. Times of audiences that are switched off or deleted wake nobody. */
  private dueOf(slots: Buffer, asleep?: ReadonlySet<number>): number | undefined {
    let dueMs = Infinity;
    visitSlots(slots, (audience, _, nextMs) => {
      if (nextMs === null || nextMs >= dueMs || asleep?.has(audience) === true) return;
      if (this.byNumber.get(audience)?.live === true) dueMs = nextMs;
    });
    return dueMs === Infinity ? undefined : dueMs;
  }

  /** Once for each workspace, however many of its audiences have ended: it reads everybody there. */
  private refreshDue(ended: readonly KnownAudience[]): void {
    for (const workspace of new Set(ended.map((audience) => audience.workspace)))
      for (const [key, slots] of this.people.scan(peoplePrefix(workspace))) this.due.set(key, this.dueOf(slots));
  }
}
