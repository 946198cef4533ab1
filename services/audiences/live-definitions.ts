import type { Definitions } from '../../lib/definitions/index.ts';
import { partitionFor } from '../../lib/kafka/murmur2.ts';
import type { LiveDefinition } from './definition.ts';
import type { LiveDefinitions } from './task.ts';

/** The live audiences among the definitions. `partitions`: number of partitions of `trait-events`. */
export function liveDefinitions(
  definitions: Pick<Definitions, 'list' | 'get' | 'workspace' | 'onChange'>,
  partitions: number,
): LiveDefinitions {
  const listeners = new Set<() => void>();
  definitions.onChange((kind) => {
    if (kind === 'audience' || kind === 'workspace') for (const listener of listeners) listener();
  });
  return {
    liveIn: (partition) =>
      definitions.list('audience').flatMap((saved): LiveDefinition[] => {
        const { id, workspace, version, audience, include_anonymous: includeAnonymous } = saved;
        const zone = definitions.workspace(workspace)?.time_zone;
        if (!saved.live || zone === undefined || partitionFor(workspace, partitions) !== partition) return [];
        return [{ id, workspace, version, audience, includeAnonymous, zone }];
      }),
    exists: (id) => definitions.get('audience', id) !== undefined,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
