import { matchesSame, type KnownAudience, type LiveDefinition } from './definition.ts';

/** What to do so that the state follows the definitions. */
export interface Plan {
  /** Deleted audiences. */
  remove: KnownAudience[];
  /** Audiences that are not live any more. */
  switchOff: KnownAudience[];
  /** New versions with the same members. */
  rename: LiveDefinition[];
  /** Definitions that everybody must be evaluated by, by workspace. */
  build: Map<string, LiveDefinition[]>;
}

/** `live`: the definitions of the live audiences; `exists`: whether an audience is defined, live or not. */
export function planOf(
  known: readonly KnownAudience[],
  live: readonly LiveDefinition[],
  exists: (id: string) => boolean,
): Plan {
  const plan: Plan = { remove: [], switchOff: [], rename: [], build: new Map() };
  const wanted = new Map(live.map((definition) => [definition.id, definition]));
  const before = new Map(known.map((audience) => [audience.id, audience]));
  for (const audience of known) {
    if (!exists(audience.id)) plan.remove.push(audience);
    else if (audience.live && !wanted.has(audience.id)) plan.switchOff.push(audience);
  }
  for (const definition of live) {
    const audience = before.get(definition.id);
    if (audience?.live === true && audience.complete && matchesSame(audience, definition)) {
      if (audience.version !== definition.version) plan.rename.push(definition);
      continue;
    }
    const { workspace } = definition;
    const builds = plan.build.get(workspace);
    if (builds === undefined) plan.build.set(workspace, [definition]);
    else builds.push(definition);
  }
  return plan;
}

/** Whether a build of this target is still what the definitions ask for. */
export const isSameDefinition = (a: LiveDefinition, b: LiveDefinition | undefined): boolean =>
  b !== undefined && a.version === b.version && matchesSame(a, b);
