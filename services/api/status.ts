import { registryState, type EngineState } from '../../lib/avro/index.ts';
import { abortAfter, within, type Clock } from '../../lib/clock/index.ts';
import type { FailingPart, StagePosition, StageState, StopReason } from '../../lib/telemetry/index.ts';
import { showInstant, showInstantOrNull } from '../../lib/time/index.ts';
import type { ApiDeps } from './deps.ts';
import type { Freshness, StageWatcher } from '../../lib/freshness/index.ts';

/** How long another process or engine may take to answer. */
const ASK_MS = 1_500;

interface PartitionStatus {
  partition: number;
  position: number | null;
  end: number;
  lag: number | null;
  log_time: string | null;
  earliest_due: string | null;
  state: StageState;
  problem: PartitionProblem | null;
  url: string | null;
}

interface PartitionProblem {
  reason: StopReason;
  offset: number | null;
  part: FailingPart | null;
  detail: string | null;
}

interface StageStatus {
  stage: string;
  state: StageState;
  urls: string[];
  topic: string | null;
  position: number | null;
  lag: number | null;
  fresh_through: string | null;
  behind_ms: number | null;
  partitions: PartitionStatus[];
}

/** All stages: those of events in the order in which events pass them, then those of flows, the relay and the API. A stage that does not answer is stopped, never an error. */
export async function stagesNow(deps: ApiDeps): Promise<StageStatus[]> {
  const { freshness, relay, audiences, flows } = deps;
  const [ingest, ...others] = await Promise.all([
    ingestNow(deps),
    ...freshness.watchers.map((watcher) => stageNow(deps, watcher, freshness)),
    ...audiences.watchers.slice(-1).map((watcher) => stageNow(deps, watcher, audiences)),
    ...flows.map((watcher) => stageNow(deps, watcher, freshness)),
    stageNow(deps, relay, freshness),
  ]);
  return [ingest, ...others, apiNow(deps)];
}

const still = { topic: null, position: null, lag: null, fresh_through: null, behind_ms: null, partitions: [] };

const apiNow = (deps: ApiDeps): StageStatus => ({ ...still, stage: 'api', state: 'running', urls: [deps.healthUrl] });

async function ingestNow(deps: ApiDeps): Promise<StageStatus> {
  const state = (await answers(`${deps.ingestInternalUrl}/readyz`, deps.clock)) ? 'running' : 'stopped';
  return { ...still, stage: 'ingest', state, urls: [deps.ingestInternalUrl] };
}

async function stageNow(deps: ApiDeps, watcher: StageWatcher, freshness: Freshness): Promise<StageStatus> {
  const { stage } = watcher;
  const [ends, positions] = await Promise.all([
    within(deps.kafka.endOffsets(stage.topic), ASK_MS, deps.clock).catch((): number[] => []),
    within(watcher.ask(), ASK_MS, deps.clock).catch((): StagePosition[] => []),
  ]);
  const partitions = ends.map((end, partition) => partitionNow(watcher, positions, partition, end));
  const passedMs = freshness.passedMs.get(stage.name) ?? null;
  return {
    stage: stage.name,
    state: worst(partitions.map((partition) => partition.state)),
    urls: watcher.members.filter(({ reachable }) => reachable).map(({ url }) => url),
    topic: stage.topic,
    position: sum(partitions.map(({ position }) => position)),
    lag: sum(partitions.map(({ lag }) => lag)),
    fresh_through: showInstantOrNull(passedMs),
    behind_ms: passedMs === null ? null : Math.max(0, deps.clock.wallMs() - passedMs),
    partitions,
  };
}

function partitionNow(
  watcher: StageWatcher,
  positions: StagePosition[],
  partition: number,
  end: number,
): PartitionStatus {
  const found = positions
    .filter((position) => position.partition === partition)
    .reduce<StagePosition | null>((best, next) => ((best?.position ?? -1) > (next.position ?? -1) ? best : next), null);
  const owner = watcher.members.find((member) => member.reachable && member.partitions.includes(partition));
  const show = (ms: number | null | undefined): string | null =>
    ms === null || ms === undefined ? null : showInstant(ms);
  const position = found?.position ?? null;
  return {
    partition,
    position,
    end,
    lag: position === null ? null : Math.max(0, end - position),
    log_time: show(found?.logTimeMs),
    earliest_due: show(found?.earliestDueMs),
    state: found?.state ?? 'stopped',
    problem: problemOf(found),
    url: owner?.url ?? null,
  };
}

function problemOf(found: StagePosition | null): PartitionProblem | null {
  if (found?.stopReason === undefined) return null;
  const { stopReason, failingOffset, failingPart, stopDetail } = found;
  return {
    reason: stopReason,
    offset: failingOffset ?? null,
    part: failingPart ?? null,
    detail: stopDetail ?? null,
  };
}

export async function enginesNow({ clock, kafka, database, registryUrl, registryAuth }: ApiDeps) {
  const up = async (asked: Promise<boolean>): Promise<EngineState> =>
    (await within(asked, ASK_MS, clock).catch(() => false)) ? 'running' : 'stopped';
  const state = async (engine: 'kafka' | 'registry' | 'clickhouse', asked: Promise<EngineState>) => ({
    engine,
    state: await asked,
  });
  return Promise.all([
    state('kafka', up(kafka.endOffsets('definitions').then(() => true))),
    state('registry', registryState(registryUrl, registryAuth, clock, ASK_MS)),
    state('clickhouse', up(database.ping())),
  ]);
}

async function answers(url: string, clock: Clock): Promise<boolean> {
  try {
    const response = await abortAfter(ASK_MS, clock, (signal) => fetch(url, { signal }));
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Null when any value is unknown, or when there are none. */
const sum = (values: (number | null)[]): number | null =>
  values.length === 0 ? null : values.reduce<number | null>((a, b) => (a === null || b === null ? null : a + b), 0);

const WORST_FIRST: readonly StageState[] = ['stopped', 'restoring', 'waiting', 'closing'];

const worst = (states: StageState[]): StageState =>
  states.length === 0 ? 'stopped' : (WORST_FIRST.find((state) => states.includes(state)) ?? 'running');
