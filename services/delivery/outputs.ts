import type { FlowInput, FlowInputKind } from '../../schemas/types.ts';

const NOTHING: Omit<FlowInput, 'kind' | 'workspace' | 'received_at'> = {
  log_time: null,
  changes: null,
  profile: null,
  merge: null,
  parting: null,
  erasure: null,
  command: null,
  settings: null,
  code_pool: null,
  suppression: null,
  answer: null,
  outcome: null,
  settled: null,
};

/** A record of flow-inputs that delivery writes: it carries delivery's clock. */
export const flowInput = (
  kind: FlowInputKind,
  workspace: string,
  nowMs: number,
  body: Partial<FlowInput>,
): FlowInput => ({ ...NOTHING, ...body, kind, workspace, received_at: nowMs });
