import type { FlowNode, NodeType } from '../definition.ts';
import { exit } from './exit.ts';
import { message } from './message.ts';
import type { Move, NodeHandler, NodeOf, Site } from './node.ts';
import { split } from './split.ts';
import { wait } from './wait.ts';
import { waitFor } from './wait-for.ts';
import type { ReadyKind } from '../state.ts';

const HANDLERS: { [K in NodeType]: NodeHandler<NodeOf<K>> } = {
  wait,
  wait_for: waitFor,
  split,
  sms: message,
  email: message,
  webhook: message,
  exit,
};

// The handler of a node's type takes that node.
const handlerOf = (node: FlowNode): NodeHandler<FlowNode> => HANDLERS[node.type] as NodeHandler<FlowNode>;

export const beginNode = (site: Site, node: FlowNode): Move => handlerOf(node).begin(site, node);
export const resumeNode = (site: Site, node: FlowNode, kind: ReadyKind): Move =>
  handlerOf(node).resume(site, node, kind);
