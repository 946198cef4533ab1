/**
 * The line to the supervisor of `npm start`, which is Node's channel between parent and child. Without a
 * supervisor (a container, a terminal) it is simply not there.
 */
let send: ((message: object) => void) | undefined;

/** Called by runMain: says where this process's health endpoint is, and ends with the supervisor. */
export function joinSupervisor(onGone: () => void): void {
  if (!process.send || !process.connected) return;
  send = (message) => {
    // A supervisor that is gone is told of by "disconnect".
    process.send?.(message, undefined, {}, () => {});
  };
  process.once('disconnect', onGone);
}

export interface HealthMessage {
  health_url: string;
}

export function announceHealth(url: string): void {
  const message: HealthMessage = { health_url: url };
  send?.(message);
}

export function isHealthMessage(message: unknown): message is HealthMessage {
  return typeof message === 'object' && message !== null && 'health_url' in message;
}
