import { DEFAULT_QUIET_HOURS, type SettingsOfFlows, type WorkspaceBody } from './entities.ts';

/** The settings of a workspace that flows depend on; those that were never set have their defaults. */
export function settingsOfFlows({ name, time_zone, frequency_cap, quiet_hours }: WorkspaceBody): SettingsOfFlows {
  return {
    name,
    time_zone,
    frequency_cap: frequency_cap ? { count: frequency_cap.count, ...frequency_cap.per } : null,
    quiet_hours: quiet_hours ?? DEFAULT_QUIET_HOURS,
  };
}
