import { abortAfter, type Clock } from '../clock/index.ts';

/** User and password for a registry that requires them. */
export interface RegistryAuth {
  username: string;
  password: string;
}

/** The login in the configuration of a process; undefined when no user is given. */
export const registryAuth = (config: { registryUser: string; registryPassword: string }): RegistryAuth | undefined =>
  config.registryUser === '' ? undefined : { username: config.registryUser, password: config.registryPassword };

/** The headers that carry this login. */
export const authHeaders = (auth: RegistryAuth | undefined): Record<string, string> =>
  auth === undefined
    ? {}
    : { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}` };

/** `refused`: it answers, but rejects the user and password. */
export type EngineState = 'running' | 'refused' | 'stopped';

/** Whether a registry answers. One that forbids this user to list subjects (403) accepts the login, so it is running. */
export async function registryState(
  url: string,
  auth: RegistryAuth | undefined,
  clock: Clock,
  timeoutMs = 2_000,
): Promise<EngineState> {
  try {
    const headers = authHeaders(auth);
    const response = await abortAfter(timeoutMs, clock, (signal) => fetch(`${url}/subjects`, { headers, signal }));
    await response.body?.cancel();
    if (response.status === 401) return 'refused';
    return response.ok || response.status === 403 ? 'running' : 'stopped';
  } catch {
    return 'stopped';
  }
}
