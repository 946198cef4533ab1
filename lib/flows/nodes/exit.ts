import { unexpected, type NodeHandler, type NodeOf } from './node.ts';

export const exit: NodeHandler<NodeOf<'exit'>> = {
  begin: (_, node) => ({ kind: 'exit', reason: node.reason ?? '' }),
  resume: (_, __, kind) => unexpected(kind),
};
