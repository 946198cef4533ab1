/** What is reported after replaying several dead letters. `refusals`: why some still cannot be used. */
export function replayResult(tried: number, refusals: readonly string[]) {
  const [first] = refusals;
  const others = refusals.length === 1 ? 'The other one' : 'The others';
  return {
    color: first === undefined ? 'leaf' : 'yellow',
    title: `${tried - refusals.length} of ${tried} replayed`,
    message: first === undefined ? 'They are being processed.' : `${others} still cannot be used: ${first}`,
  };
}
