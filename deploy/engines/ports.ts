import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from './setup-error.ts';

/** Whether a TCP port of an address can be listened on now. */
export function portIsFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * Throws a SetupError naming every port that is taken and the variable that moves it. A port may take up to
 * `patienceMs` to become free: a process that was just killed lets go of its own a moment after its death.
 */
export async function requireFreePorts(
  ports: Record<string, number>,
  host = '127.0.0.1',
  patienceMs = 2_000,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
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

/** Ports from which `freePorts` chooses: processes that choose at the same time take different shares. */
const SHARES = 8;
const SHARE_PORTS = 1_500;

/**
 * Ports that are free now, all different; below the range from which the system takes ports of
 * outgoing connections, so that none of those takes one before it is used. Between choosing a port and listening on
 * it another process may choose it too, unless it chooses from another `share` (taken modulo 8).
 */
export async function freePorts(count: number, share = 0): Promise<number[]> {
  const first = 20_000 + (share % SHARES) * SHARE_PORTS;
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = first + Math.floor(Math.random() * SHARE_PORTS);
    if (!ports.has(port) && (await portIsFree(port))) ports.add(port);
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

/** Whether somebody takes connections there, within 2 s. */
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

/** Whether a GET of it is answered with 2xx, within 2 s. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
