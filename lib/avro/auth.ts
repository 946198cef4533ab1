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
