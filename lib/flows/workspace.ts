import { compileFlow, type CompiledFlow } from './compiled.ts';
import type { Flow, FlowSpan } from './definition.ts';
import type { QuietHoursSetting } from './quiet-hours.ts';

export interface FlowState {
  id: string;
  state: 'live' | 'paused' | 'archived';
  version: number;
  /** All its runs with messages out are known by name, as they are since its first publish, or since a pause found them. */
  isIndexed?: boolean;
}

/** The entry of a workspace. */
export interface WorkspaceState {
  number: number;
  name: string;
  zone: string;
  cap: { count: number; per: FlowSpan } | null;
  quietHours: QuietHoursSetting | null;
  /** In order of their ids. */
  flows: FlowState[];
}

export const newWorkspace = (): WorkspaceState => ({
  number: -1,
  name: '',
  zone: 'UTC',
  cap: null,
  quietHours: null,
  flows: [],
});

/** Compiled versions of flows, kept while the stored bytes are the same. */
export class FlowCache {
  private readonly compiled = new Map<string, { bytes: Buffer; flow: CompiledFlow }>();
  private readonly workspaces = new Map<string, { bytes: Buffer; state: WorkspaceState }>();

  flow(key: string, id: string, version: number, bytes: Buffer): CompiledFlow {
    const known = this.compiled.get(key);
    if (known?.bytes.equals(bytes) === true) return known.flow;
    const flow = compileFlow(id, version, JSON.parse(bytes.toString('utf8')) as Flow);
    this.compiled.set(key, { bytes: Buffer.from(bytes), flow });
    return flow;
  }

  workspace(key: string, bytes: Buffer): WorkspaceState {
    const known = this.workspaces.get(key);
    if (known?.bytes.equals(bytes) === true) return known.state;
    const state = JSON.parse(bytes.toString('utf8')) as WorkspaceState;
    this.workspaces.set(key, { bytes: Buffer.from(bytes), state });
    return state;
  }
}
