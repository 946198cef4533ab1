import { triggerSatisfies } from '../compiled.ts';
import { percentile } from '../ids.ts';
import { ask } from '../questions.ts';
import { follow, unexpected, type Move, type NodeHandler, type NodeOf } from './node.ts';

const branch = (node: NodeOf<'split'>, holds: boolean): Move => follow(holds ? node.then : node.else);

export const split: NodeHandler<NodeOf<'split'>> = {
  begin(site, node) {
    if ('if' in node) return ask(site, 'split', node.if);
    if ('trigger' in node) return branch(node, triggerSatisfies(node.trigger, site.run.trigger));
    return branch(node, percentile(site.flow, site.id, site.run.node) < node.percent);
  },
  resume(site, node, kind) {
    if (kind === 'check') return split.begin(site, node);
    return kind === 'yes' || kind === 'no' ? branch(node, kind === 'yes') : unexpected(kind);
  },
};
