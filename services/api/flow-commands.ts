import type { Context } from 'hono';
import {
  ConflictError,
  settingsOfFlows,
  stateAfter,
  type Definitions,
  type Folded,
  type FlowState,
  type FlowStateBody,
  type FlowStateCommand,
  type LiveRuns,
} from '../../lib/definitions/index.ts';
import { HttpProblem } from '../../lib/http/index.ts';
import type { ApiDeps } from './deps.ts';
import { expectedVersion, onCurrentVersion } from './versions.ts';

export interface FlowWithState {
  saved: Folded<'flow'>;
  /** Undefined for a draft that was never published. */
  state: Folded<'flow_state'> | undefined;
}

export const stateOf = ({ state }: FlowWithState): FlowState => state?.state ?? 'draft';

/** Throws HttpProblem 404 when the flow does not exist, or belongs to another workspace. */
export async function findFlow(definitions: Definitions, workspace: string, id: string): Promise<FlowWithState> {
  const saved = await definitions.find('flow', id);
  if (saved?.workspace !== workspace) throw new HttpProblem(404, 'no such flow');
  return { saved, state: definitions.get('flow_state', id) };
}

type What = FlowStateCommand['what'];

const IMPOSSIBLE: Readonly<Record<What, string>> = {
  publish: 'an archived flow cannot be published; save it as a new one',
  pause: 'only a published flow can be paused',
  resume: 'only a published flow can be resumed',
  archive: 'this flow cannot be archived',
};

export interface Commanding {
  c: Context;
  workspace: string;
  id: string;
}

/**
 * Writes a command to a flow, and resolves with the flow afterwards. A command that changes nothing, such as a pause of a
 * paused flow, writes nothing. Throws HttpProblem 404 and 409, and what `check` throws, which gets the version that a
 * publish is about, and the time zone of the workspace.
 */
export async function commandFlow(
  { definitions, clock }: Pick<ApiDeps, 'definitions' | 'clock'>,
  { c, workspace, id }: Commanding,
  command:
    | { what: 'publish'; runs: LiveRuns; check(flow: Folded<'flow'>['flow'], zone: string): void }
    | { what: Exclude<What, 'publish'> },
): Promise<FlowWithState> {
  const { what } = command;
  // Settings and code pools that were changed before this request must be known to it.
  if (what === 'publish') await definitions.fresh();
  return onCurrentVersion(c, async () => {
    const found = await findFlow(definitions, workspace, id);
    const { saved, state } = found;
    expectedVersion(c, saved.version);
    const before = stateOf(found);
    const after = stateAfter(before, what);
    if (after === undefined) throw new HttpProblem(409, IMPOSSIBLE[what]);
    if (after === before && what !== 'publish') return found;
    let body: FlowStateBody;
    if (command.what === 'publish') {
      const settings = settingsOfFlows((await definitions.findWorkspace(workspace))!);
      command.check(saved.flow, settings.time_zone);
      const { runs } = command;
      body = {
        state: after,
        live_version: saved.version,
        published_at: clock.wallMs(),
        command: { what: 'publish', runs, flow: saved.flow, settings },
      };
    } else {
      const { live_version = null, published_at = null } = state ?? {};
      body = { state: after, live_version, published_at, command: { what: command.what } };
    }
    const expected = state?.version ?? 0;
    const written = await definitions.append({ entity: 'flow_state', workspace, id, expectedVersion: expected, body });
    return { saved, state: written };
  });
}

/** Writes the next version of a flow. Throws HttpProblem 404 and 409, and ConflictError. */
export async function saveVersion(
  definitions: Definitions,
  found: FlowWithState,
  flow: Folded<'flow'>['flow'],
  expected: number,
): Promise<FlowWithState> {
  if (stateOf(found) === 'archived') throw new HttpProblem(409, 'the flow is archived; save it as a new one');
  const { id, workspace } = found.saved;
  const saved = await definitions.append({ entity: 'flow', workspace, id, expectedVersion: expected, body: { flow } });
  if (!saved) throw new ConflictError('the flow was deleted');
  return { ...found, saved };
}
