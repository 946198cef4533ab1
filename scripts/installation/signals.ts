/**
 * Ctrl-C and SIGTERM. One wish to stop may come as several signals: a terminal sends SIGINT to the whole group, and npm forwards it to its child again.
 */
const SAME_WISH_MS = 2_000;

/** Calls `stop` at the first signal, and `atOnce` at one that comes clearly after it. Times by `now`, milliseconds. */
export function onStopSignals(
  source: { on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown },
  { stop, atOnce, now }: { stop(): void; atOnce(): void; now(): number },
): void {
  let firstMs: number | undefined;
  const wish = (): void => {
    if (firstMs === undefined) {
      firstMs = now();
      stop();
    } else if (now() - firstMs >= SAME_WISH_MS) atOnce();
  };
  source.on('SIGINT', wish);
  source.on('SIGTERM', wish);
}
