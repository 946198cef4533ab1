import { createContext, useContext } from 'react';
import type { ValueOption } from './ValueList.tsx';

/** What all conditions of a builder need; it changes seldom, because it renders all of them. */
export interface BuilderContext {
  timeZone: string;
  /** Today in the workspace's zone. */
  today: string;
  stores: readonly ValueOption[];
  statuses: readonly ValueOption[];
  /** What the API refuses, by the id of the condition or group. */
  refusals: ReadonlyMap<string, string>;
  /** Says something to users of screen readers, such as where a condition was moved to. */
  announce(words: string): void;
}

export const BuilderContext = createContext<BuilderContext | null>(null);

export function useBuilder(): BuilderContext {
  const context = useContext(BuilderContext);
  if (!context) throw new Error('useBuilder outside of a builder');
  return context;
}
