import type { CompiledFlow } from '../compiled.ts';
import type { Edge, FlowNode, NodeType } from '../definition.ts';
import type { RunRef } from '../lifecycle.ts';
import type { ReadyKind } from '../state.ts';
import type { View } from '../view.ts';

/** A run at one of its nodes. */
export interface Site extends RunRef {
  view: View;
  compiled: CompiledFlow;
}

/** What a run does next: it follows an edge, is completed by an exit node, ends, or rests until something happens. */
export type Move =
  { kind: 'follow'; edge: Edge } | { kind: 'exit'; reason: string } | { kind: 'end' } | { kind: 'rest' };

export const REST: Move = { kind: 'rest' };
export const follow = (edge: Edge | undefined): Move => ({ kind: 'follow', edge: edge ?? null });

export type NodeOf<K extends NodeType> = Extract<FlowNode, { type: K }>;

export interface NodeHandler<N extends FlowNode> {
  /** The run has reached the node. */
  begin(site: Site, node: N): Move;
  /** The run rested at the node, and is ready. */
  resume(site: Site, node: N, kind: ReadyKind): Move;
}

export function unexpected(kind: ReadyKind): never {
  throw new Error(`a run at this node cannot become ready as "${kind}"`);
}
