/** How many people are in a live audience, as of its last change. */
export interface AudienceSize {
  count: number;
  reachable: { sms: number; email: number };
  /** Time of the evaluation that changed it last, Unix milliseconds. */
  atMs: number;
}

export interface AudienceSizes {
  /** By audience; those that nobody has entered yet are left out. */
  read(workspace: string, ids: readonly string[], signal?: AbortSignal): Promise<Map<string, AudienceSize>>;
}
