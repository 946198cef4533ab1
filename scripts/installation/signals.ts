/**
 * Signals within this time are one request to stop: after Ctrl-C a terminal sends SIGINT to the whole process group, and
 * npm forwards it to its child again.
 */
const SAME_REQUEST_MS = 2_000;

/** Calls `stop` at the first signal, and `atOnce` at a later one that is a separate request. `now` returns milliseconds. */
export function onStopSignals(
  source: { on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown },
  { stop, atOnce, now }: { stop(): void; atOnce(): void; now(): number },
): void {
  let firstMs: number | undefined;
  const onSignal = (): void => {
    if (firstMs === undefined) {
      firstMs = now();
      stop();
    } else if (now() - firstMs >= SAME_REQUEST_MS) atOnce();
  };
  source.on('SIGINT', onSignal);
  source.on('SIGTERM', onSignal);
}
