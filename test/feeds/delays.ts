/** How long people take into the audience of probes and out of it, and where in a redefinition that was. */
import type { AudienceChange } from '../../schemas/types.ts';
import { PROBE_MS, type Probe } from './traffic.ts';

export interface Quantiles {
  count: number;
  p50: number;
  p99: number;
  max: number;
}

/** Where a probe lies in a redefinition: while everybody is evaluated, in the step that follows, just behind that step. */
export type Phase = 'quiet' | 'build' | 'step' | 'after';

/** Times of one redefinition, Unix ms. */
export interface Redefinition {
  audienceId: string;
  /** When its PUT was answered. */
  atMs: number;
}

/** A change with the time at which it was read from the topic. */
export interface Arrival {
  change: AudienceChange;
  atMs: number;
}

/** A time that is not measured: something was killed or the engine was catching up. */
export interface Disturbance {
  fromMs: number;
  toMs: number;
}

export interface Delays {
  /** From the 2xx of a probe until its person's entry is in the topic, milliseconds, those of killed times left out. */
  enterMs: Quantiles;
  enterMsByPhase: Partial<Record<Phase, Quantiles>>;
  /** From the time at which a probe ends until its person's exit is in the topic. */
  leaveMs: Quantiles;
}

export interface Observed {
  probes: readonly Probe[];
  /** The person's id in the product. */
  idOf(person: number): number | undefined;
  /** The audience of probes. */
  audienceId: string;
  arrived: readonly Arrival[];
  disturbances: readonly Disturbance[];
  redefinitions: readonly Redefinition[];
}

/** A step is felt by those who were accepted so long before its evaluation. */
const BEFORE_STEP_MS = 1_000;
const AFTER_STEP_MS = 5_000;

export function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

export function delaysOf(observed: Observed): Delays {
  const { probes, idOf, audienceId, arrived, disturbances } = observed;
  const moves = new Map<string, number[]>();
  for (const { change, atMs } of arrived) {
    if (change.audience_id !== audienceId) continue;
    const key = `${change.person_id} ${change.change}`;
    append(moves, key, atMs);
  }
  const measured = (key: string, sinceMs: number): number[] => {
    if (disturbances.some(({ fromMs, toMs }) => sinceMs > fromMs - 5_000 && sinceMs < toMs)) return [];
    const arrivedAtMs = moves.get(key)?.find((at) => at > sinceMs - 1_000);
    return arrivedAtMs === undefined ? [] : [Math.max(0, arrivedAtMs - sinceMs)];
  };
  const phaseAt = phasesOf(observed);
  const byPhase = new Map<Phase, number[]>();
  const enter: number[] = [];
  for (const { person, acceptedAtMs } of probes) {
    const [ms] = measured(`${idOf(person)} entered`, acceptedAtMs);
    if (ms === undefined) continue;
    enter.push(ms);
    append(byPhase, phaseAt(acceptedAtMs), ms);
  }
  const leave = probes.flatMap(({ person, atMs }) => measured(`${idOf(person)} left`, atMs + PROBE_MS));
  return {
    enterMs: quantilesOf(enter),
    enterMsByPhase: Object.fromEntries([...byPhase].map(([phase, values]) => [phase, quantilesOf(values)])),
    leaveMs: quantilesOf(leave),
  };
}

function append<K>(lists: Map<K, number[]>, key: K, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** The phase at a time, by the changes that redefinitions have caused. */
function phasesOf({ arrived, redefinitions }: Observed): (atMs: number) => Phase {
  const steps = redefinitions.flatMap(({ audienceId, atMs }, i) => {
    const nextMs = redefinitions.slice(i + 1).find((next) => next.audienceId === audienceId)?.atMs ?? Infinity;
    const changes = arrived.filter(
      ({ change, atMs: at }) =>
        change.audience_id === audienceId && change.cause === 'definition' && at >= atMs && at < nextMs,
    );
    const [first, last] = [changes[0], changes.at(-1)];
    // A redefinition that changes nobody has no step.
    if (first === undefined || last === undefined) return [];
    return [{ fromMs: atMs, stepMs: first.change.at - BEFORE_STEP_MS, toMs: last.atMs }];
  });
  return (atMs) => {
    if (steps.some(({ stepMs, toMs }) => atMs >= stepMs && atMs <= toMs)) return 'step';
    if (steps.some(({ fromMs, stepMs }) => atMs >= fromMs && atMs < stepMs)) return 'build';
    if (steps.some(({ toMs }) => atMs > toMs && atMs < toMs + AFTER_STEP_MS)) return 'after';
    return 'quiet';
  };
}
