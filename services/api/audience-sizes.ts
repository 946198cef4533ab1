/** How many people are in a live audience, as of its last evaluation. */
export interface AudienceSize {
  count: number;
  reachable: { sms: number; email: number };
  /** Time of the evaluation, Unix milliseconds. */
  atMs: number;
}

export interface AudienceSizes {
  /** By audience; those that were never evaluated are left out. */
  read(workspace: string, ids: readonly string[], signal?: AbortSignal): Promise<Map<string, AudienceSize>>;
}

/** For installations that evaluate no live audiences. */
export const NO_SIZES: AudienceSizes = { read: () => Promise.resolve(new Map()) };
