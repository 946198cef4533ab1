import { after, nextLocalTime } from '../times.ts';
import { ownZone } from '../state.ts';
import { follow, REST, unexpected, type NodeHandler, type NodeOf, type Site } from './node.ts';

/** When a wait that was reached at some time is over, Unix ms. */
export function waitsUntil({ view, run }: Site, node: NodeOf<'wait'>, reachedAt: number): number {
  if ('for' in node) return after(reachedAt, node.for, view.zone);
  const own = node.until.zone === 'person' ? ownZone(view.person(view.resolve(run.person))) : null;
  return nextLocalTime(reachedAt, node.until, own ?? view.zone);
}

export const wait: NodeHandler<NodeOf<'wait'>> = {
  begin(site, node) {
    const { view, run } = site;
    view.move(run, 'waiting');
    run.timerAt = waitsUntil(site, node, run.reachedAt);
    return REST;
  },
  resume: (_, node, kind) => (kind === 'woken' ? follow(node.next) : unexpected(kind)),
};
