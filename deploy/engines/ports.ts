import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from './setup-error.ts';

/** Whether a TCP port is free to listen on. */
export function portIsFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * Throws SetupError that names every port in use and the variable that sets it. Waits up to `waitMs` for a port to
 * become free: the ports of a killed process are released a moment after its end.
 */
export async function requireFreePorts(
  ports: Record<string, number>,
  host = '127.0.0.1',
  waitMs = 2_000,
): Promise<void> {
  const deadline = Date.now() + waitMs;
  const seen = new Map<number, string>();
  const problems: string[] = [];
  for (const [variable, port] of Object.entries(ports)) {
    const twin = seen.get(port);
    if (twin) problems.push(`${twin} and ${variable} are both ${port}`);
    else if (!(await becomesFree(port, host, deadline))) {
      problems.push(`port ${port} is in use: stop the program that uses it, or set another port with ${variable}`);
    }
    seen.set(port, variable);
  }
  if (problems.length > 0) throw new SetupError(`Cannot start: ${problems.join('; ')}.`);
}

/** `freePorts` divides its range into shares, one for each process that may choose at the same time. */
const SHARES = 8;
const SHARE_PORTS = 1_500;

/** Ports that this process has chosen, and when, by `performance.now`: they may not be in use yet. */
const chosen = new Map<number, number>();
const KEPT_MS = 60_000;

/**
 * Free ports, all different, below the range that the system uses for outgoing connections. Until a port is used,
 * another process may choose it too, unless it chooses from another `share` (modulo 8); this process does not choose it
 * again for a minute.
 */
export async function freePorts(count: number, share = 0): Promise<number[]> {
  const first = 20_000 + (share % SHARES) * SHARE_PORTS;
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = first + Math.floor(Math.random() * SHARE_PORTS);
    if (performance.now() - (chosen.get(port) ?? -Infinity) < KEPT_MS) continue;
    chosen.set(port, performance.now());
    if (await portIsFree(port)) ports.add(port);
  }
  return [...ports];
}

async function becomesFree(port: number, host: string, deadline: number): Promise<boolean> {
  while (!(await portIsFree(port, host))) {
    if (Date.now() >= deadline) return false;
    await sleep(50);
  }
  return true;
}

/** Whether the port accepts a connection within 2 s. */
export function portAnswers(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host, timeout: 2_000 });
    const end = (answered: boolean): void => {
      socket.destroy();
      done(answered);
    };
    socket
      .once('connect', () => end(true))
      .once('timeout', () => end(false))
      .once('error', () => end(false));
  });
}

/** Whether a GET request is answered with 2xx within 2 s. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
