/** GET /v1/status as the status page shows it. */
import type { Stage, Status } from '../data/api.ts';
import { behindOf, stageWords } from '../data/stages.ts';
import { count, FRESH_MS, span } from '../design/time.ts';
import { adviceFor, engineView, type Advice, type EngineView, type Partition } from './advice.ts';

export type StageState = Stage['state'];

/** good: works and is up to date. busy: works, with records waiting. pausing: not open, opens by itself. bad: needs somebody. */
export type Tone = 'good' | 'busy' | 'pausing' | 'bad';

const STATE_WORDS: Record<StageState, string> = {
  running: 'running',
  restoring: 'reading its state back',
  closing: 'finishing its last transaction',
  waiting: 'opens again by itself',
  stopped: 'stopped',
};

export interface PartitionView {
  partition: number;
  tone: Tone;
  words: string;
  position: number | null;
  end: number;
  lag: number | null;
  /** Log time up to which it has handled its input; null while unknown, and for stages without log time. */
  logTime: string | null;
  /** The earliest deadline that has not fired. */
  earliestDue: string | null;
  /** Base URL of the process that owns it. */
  url: string | null;
  advice: Advice | null;
}

export interface StageView {
  id: string;
  title: string;
  does: string;
  tone: Tone;
  /** The state in one phrase: `up to date`, `1,204 waiting, 3 s behind`, `stopped in 2 of 8 partitions`. */
  words: string;
  topic: string | null;
  lag: number | null;
  /** How far its results are behind; 0 without waiting records, null while unknown. */
  behindMs: number | null;
  freshThrough: string | null;
  urls: readonly string[];
  partitions: readonly PartitionView[];
}

/** A problem that somebody has to solve, in all the partitions of a stage that share it. */
export interface Attention {
  stage: string;
  title: string;
  partitions: readonly number[];
  advice: Advice;
}

export interface StatusView {
  tone: Tone;
  /** The whole in one sentence. */
  headline: string;
  freshThrough: string | null;
  /** How far the counts are behind, at the time of the answer; null while unknown. */
  behindMs: number | null;
  stages: readonly StageView[];
  engines: readonly EngineView[];
  attention: readonly Attention[];
}

export function statusView(status: Status): StatusView {
  const stages = status.stages.map(stageView);
  const engines = status.engines.map(engineView);
  const attention = stages.flatMap(attentionOf);
  const behindMs =
    status.fresh_through === null ? null : Math.max(0, Date.parse(status.now) - Date.parse(status.fresh_through));
  const tone = worst([...stages.map((stage) => stage.tone), ...engines.map(({ state }) => ENGINE_TONE[state])]);
  return {
    tone: tone === 'good' && behindMs !== null && behindMs > FRESH_MS ? 'busy' : tone,
    headline: headlineOf(stages, engines, behindMs),
    freshThrough: status.fresh_through,
    behindMs,
    stages,
    engines,
    attention,
  };
}

const ENGINE_TONE: Record<EngineView['state'], Tone> = { running: 'good', stopped: 'bad', refused: 'bad' };

export function stageView(stage: Stage): StageView {
  const words = stageWords(stage.stage);
  const partitions = stage.partitions.map((partition) => partitionView(stage, partition, words.process));
  return {
    id: stage.stage,
    title: words.title,
    does: words.does,
    tone: stageTone(stage),
    words: stageWordsOf(stage),
    topic: stage.topic,
    lag: stage.lag,
    behindMs: behindOf(stage),
    freshThrough: stage.fresh_through,
    urls: stage.urls,
    partitions,
  };
}

function stageTone(stage: Stage): Tone {
  if (stage.state === 'stopped') return 'bad';
  if (stage.state !== 'running') return 'pausing';
  const behindMs = behindOf(stage);
  return behindMs !== null && behindMs > FRESH_MS ? 'busy' : 'good';
}

function stageWordsOf(stage: Stage): string {
  const { state, partitions, topic, lag } = stage;
  if (state !== 'running') {
    const affected = partitions.filter((partition) => partition.state === state).length;
    if (affected === 0 || affected === partitions.length)
      return topic === null ? 'does not answer' : STATE_WORDS[state];
    return `${STATE_WORDS[state]} in ${affected} of ${partitions.length} partitions`;
  }
  if (topic === null) return 'ready';
  if (lag === null) return 'position unknown';
  if (lag === 0) return 'up to date';
  const behindMs = behindOf(stage);
  return `${count(lag)} waiting${behindMs === null || behindMs === 0 ? '' : `, ${span(behindMs)} behind`}`;
}

function partitionView({ topic }: Stage, partition: Partition, process: string): PartitionView {
  const { state, lag, position, end, log_time, earliest_due, url } = partition;
  const advice = adviceFor(topic, partition, process);
  const common = { partition: partition.partition, position, end, lag, logTime: log_time, url, advice };
  const view = { ...common, earliestDue: earliest_due };
  if (state !== 'running') {
    return { ...view, tone: state === 'stopped' ? 'bad' : 'pausing', words: advice?.title ?? STATE_WORDS[state] };
  }
  if (lag === null) return { ...view, tone: 'pausing', words: 'position unknown' };
  return lag === 0
    ? { ...view, tone: 'good', words: 'up to date' }
    : { ...view, tone: 'busy', words: `${count(lag)} waiting` };
}

/** One entry for each problem: partitions with the same advice share it, but a record to skip is of one partition. */
function attentionOf({ id, title, partitions }: StageView): Attention[] {
  const byAdvice = new Map<string, Attention & { partitions: number[] }>();
  for (const { partition, advice } of partitions) {
    if (advice === null) continue;
    const key = JSON.stringify(advice);
    const known = byAdvice.get(key);
    if (known) known.partitions.push(partition);
    else byAdvice.set(key, { stage: id, title, partitions: [partition], advice });
  }
  return [...byAdvice.values()];
}

/** `partition 3`, `partitions 0, 2 and 5`, `all 8 partitions`. */
export function partitionWords(partitions: readonly number[], all: number): string {
  if (partitions.length === all && all > 1) return `all ${all} partitions`;
  if (partitions.length === 1) return `partition ${partitions[0]}`;
  return `partitions ${partitions.slice(0, -1).join(', ')} and ${partitions.at(-1)}`;
}

function headlineOf(stages: readonly StageView[], engines: readonly EngineView[], behindMs: number | null): string {
  const engine = engines.find(({ state }) => state !== 'running');
  if (engine !== undefined) return `${engine.title} ${engine.words}`;
  const stopped = stages.filter(({ tone }) => tone === 'bad');
  if (stopped.length === 1) return `${stopped[0]!.title}: ${stopped[0]!.words}`;
  if (stopped.length > 1) return `${stopped.length} stages are stopped`;
  const pausing = stages.find(({ tone }) => tone === 'pausing');
  if (pausing !== undefined) return `${pausing.title}: ${pausing.words}`;
  if (behindMs === null) return 'Everything is running; freshness is unknown';
  return behindMs > FRESH_MS
    ? `Everything is running, ${span(behindMs)} behind`
    : 'Everything is running and up to date';
}

const WORST_FIRST: readonly Tone[] = ['bad', 'pausing', 'busy'];

const worst = (tones: readonly Tone[]): Tone => WORST_FIRST.find((tone) => tones.includes(tone)) ?? 'good';
