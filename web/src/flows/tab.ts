import type { SavedFlow } from '../data/api.ts';
import type { FlowSearch } from './search.ts';

/** What every tab of a flow's page gets. */
export interface TabProps {
  saved: SavedFlow;
  search: FlowSearch;
  /** Replaces what is on display, and with it the address. */
  onShow(search: { [K in keyof FlowSearch]?: FlowSearch[K] | undefined }): void;
}
