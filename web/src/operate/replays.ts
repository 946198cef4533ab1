/** Replaying several dead letters. */
import type { DeadLetter } from '../data/api.ts';

/** What of the chosen ones is on display: a letter that a filter hides must not be replayed with the others. */
export const selectedOf = (
  shown: readonly Pick<DeadLetter, 'dead_letter_id'>[],
  chosen: ReadonlySet<string>,
): ReadonlySet<string> => new Set(shown.map(({ dead_letter_id }) => dead_letter_id).filter((id) => chosen.has(id)));

/** What is reported afterwards. `refusals`: why some still cannot be used. */
export function replayResult(tried: number, refusals: readonly string[]) {
  const [first] = refusals;
  const others = refusals.length === 1 ? 'The other one' : 'The others';
  return {
    color: first === undefined ? 'leaf' : 'yellow',
    title: `${tried - refusals.length} of ${tried} replayed`,
    message: first === undefined ? 'They are being processed.' : `${others} still cannot be used: ${first}`,
  };
}
