import { after } from '../times.ts';
import { follow, REST, unexpected, type NodeHandler, type NodeOf } from './node.ts';

export const waitFor: NodeHandler<NodeOf<'wait_for'>> = {
  begin({ view, run }, node) {
    view.move(run, 'listening');
    run.timerAt = after(run.reachedAt, node.timeout, view.zone);
    return REST;
  },
  resume(_, node, kind) {
    if (kind === 'satisfied') return follow(node.next);
    return kind === 'timeout' ? follow(node.on_timeout) : unexpected(kind);
  },
};
