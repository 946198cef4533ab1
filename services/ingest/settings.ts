import type { Workspace } from '../../lib/definitions/index.ts';
import type { ReceiptSettings } from '../../lib/jane/settings.ts';

const known = new WeakMap<Workspace, ReceiptSettings>();

/** What a workspace stamps on its deliveries, as it is at this moment. */
export function settingsOf(workspace: Workspace): ReceiptSettings {
  let settings = known.get(workspace);
  if (settings === undefined) {
    settings = {
      abandonmentWindowMs: workspace.abandonment_window_minutes * 60_000,
      graceMs: workspace.grace_seconds * 1000,
      retryHorizonMs: workspace.retry_horizon_minutes * 60_000,
      defaultCountry: workspace.default_country,
    };
    known.set(workspace, settings);
  }
  return settings;
}
