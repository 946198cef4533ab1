/** Who we are to a registry that asks. */
export interface RegistryAuth {
  username: string;
  password: string;
}

/** From the configuration of a process; undefined when no user is given. */
export const registryAuth = (config: { registryUser: string; registryPassword: string }): RegistryAuth | undefined =>
  config.registryUser === '' ? undefined : { username: config.registryUser, password: config.registryPassword };

/** The headers by which a registry knows who asks. */
export const authHeaders = (auth: RegistryAuth | undefined): Record<string, string> =>
  auth === undefined
    ? {}
    : { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}` };

/** `refused`: it answers, but not to the user and password that it is given. */
export type EngineState = 'running' | 'refused' | 'stopped';

/**
 * Whether a registry answers: `refused` when it does, but not to this user and password. One that forbids this user
 * to list subjects (403) knows the user, and answers.
 */
export async function registryState(
  url: string,
  auth: RegistryAuth | undefined,
  timeoutMs = 2_000,
): Promise<EngineState> {
  try {
    const headers = authHeaders(auth);
    const response = await fetch(`${url}/subjects`, { headers, signal: AbortSignal.timeout(timeoutMs) });
    await response.body?.cancel();
    if (response.status === 401) return 'refused';
    return response.ok || response.status === 403 ? 'running' : 'stopped';
  } catch {
    return 'stopped';
  }
}
