import {
  IconActivityHeartbeat,
  IconBuilding,
  IconChartHistogram,
  IconHeartRateMonitor,
  IconKey,
  IconMailOff,
  IconPlugConnected,
  IconRoute,
  IconUsers,
  IconUsersGroup,
} from '@tabler/icons-react';
import type { ComponentType } from 'react';

/** An entry of the navigation. `to` is the path of a route; everything below it belongs to the entry too. */
export interface NavEntry {
  to: string;
  title: string;
  icon: ComponentType<{ size?: number; stroke?: number; 'aria-hidden'?: boolean }>;
}

export interface NavGroup {
  /** None for the first group. */
  title?: string;
  entries: readonly NavEntry[];
}

/** Everything that can be reached directly, in order. */
export const NAVIGATION: readonly NavGroup[] = [
  {
    entries: [
      { to: '/audiences', title: 'Audiences', icon: IconUsersGroup },
      { to: '/flows', title: 'Flows', icon: IconRoute },
      { to: '/people', title: 'People', icon: IconUsers },
      { to: '/analytics', title: 'Analytics', icon: IconChartHistogram },
      { to: '/live', title: 'Live', icon: IconActivityHeartbeat },
    ],
  },
  {
    title: 'Operate',
    entries: [
      { to: '/operate/subscriptions', title: 'Subscriptions', icon: IconPlugConnected },
      { to: '/operate/dead-letters', title: 'Dead letters', icon: IconMailOff },
      { to: '/operate/keys', title: 'Keys', icon: IconKey },
      { to: '/operate/workspaces', title: 'Workspaces', icon: IconBuilding },
      { to: '/operate/status', title: 'Status', icon: IconHeartRateMonitor },
    ],
  },
];

/** The entry that a path belongs to, else the first page. */
export const areaOf = (pathname: string): string =>
  NAVIGATION.flatMap(({ entries }) => entries).find(({ to }) => pathname === to || pathname.startsWith(`${to}/`))?.to ??
  '/';
