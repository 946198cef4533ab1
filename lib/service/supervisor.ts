/**
 * The channel to the supervisor that `npm start` is: Node's IPC between parent and child. A process that runs without a
 * supervisor, as in a container, does not have it.
 */

export interface HealthMessage {
  health_url: string;
}

/** Calls `onEnd` when the supervisor ends. */
export function joinSupervisor(onEnd: () => void): void {
  if (process.send && process.connected) process.once('disconnect', onEnd);
}

/** Reports the base URL of this process's health server to the supervisor. */
export function announceHealth(url: string): void {
  const message: HealthMessage = { health_url: url };
  // An error means that the supervisor has ended, which "disconnect" reports.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

export function isHealthMessage(message: unknown): message is HealthMessage {
  return typeof message === 'object' && message !== null && 'health_url' in message;
}
