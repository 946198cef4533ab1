/** Keys of the state of flows. */

/** Digits of a whole number that is not negative, so that keys sort as numbers do. */
export const sortable = (value: number): string => String(Math.max(0, value)).padStart(16, '0');

export const KEYS = {
  ordinal: 'o:',
  settled: 's:',
  workspace: (ws: string) => `w:${ws}`,
  version: (ws: string, flow: string, version: number) => `v:${ws}:${flow}:${version}`,
  run: (ws: string, flow: string, run: string) => `r:${ws}:${flow}:${run}`,
  runs: (ws: string, flow: string) => `r:${ws}:${flow}:`,
  /** Runs of which messages are out. */
  out: (ws: string, flow: string, run: string) => `u:${ws}:${flow}:${run}`,
  outs: (ws: string, flow: string) => `u:${ws}:${flow}:`,
  person: (ws: string, person: number) => `p:${ws}:${person}`,
  cart: (ws: string, cart: string) => `c:${ws}:${cart}`,
  carts: (ws: string) => `c:${ws}:`,
  address: (ws: string, address: string) => `h:${ws}:${address}`,
  pool: (ws: string, pool: string) => `k:${ws}:${pool}`,
  parts: (ws: string, cart: string) => `b:${ws}:${cart}`,
  queue: 'q:',
  /** Carts for which an `in_next` trigger may start runs. */
  arrived: 'i:',
  /** Messages that wait until the log is complete up to a time. */
  settling: 't:',
} as const;

/** Prefixes that are scanned. */
export const SCANNED = ['r:', 'c:', 'q:', 'i:', 't:', 'u:'] as const;

/** Ids of workspaces and of runs hold no colon; ids of flows and carts may. */
export function parseRunKey(key: string): { workspace: string; flow: string; run: string } {
  const [first, last] = [key.indexOf(':', 2), key.lastIndexOf(':')];
  return { workspace: key.slice(2, first), flow: key.slice(first + 1, last), run: key.slice(last + 1) };
}

export function parseCartKey(key: string): { workspace: string; cart: string } {
  const colon = key.indexOf(':', 2);
  return { workspace: key.slice(2, colon), cart: key.slice(colon + 1) };
}

/** The workspace of an entry that may be due; undefined for a job of all workspaces. */
export function workspaceOfEntry(key: string): string | undefined {
  const [kind, first, second] = key.split(':', 3);
  return kind === 'j' ? second : first;
}
